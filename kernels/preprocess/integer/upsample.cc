// With triangle upsampling, a pixel is 3/4 of the nearest sample plus 1/4 of the second nearest.
// Rounding up and down alternates, so that there is no bias. At edges, callers provide a copy of
// the nearest sample as the second nearest.
#include "preprocess/integer/upsample.h"

#include "preprocess/integer/vectors.h"

namespace jpegcompile::integer {
namespace {

JPEGCOMPILE_INLINE Word8 column_at(const uint8_t* samples, int64_t column) {
  return load_words(samples + column * kStripRows);
}

template <typename Isa>
JPEGCOMPILE_INLINE void across(const UpsampledStrip& strip) {
  Word8 last = column_at(strip.samples, -1), here = column_at(strip.samples, 0);
  for (int64_t column = 0; column < strip.columns; ++column) {
    const Word8 next = column_at(strip.samples, column + 1), most = here * 3;
    uint8_t* to = strip.to + 2 * column * kStripRows;
    store_bytes(to, (most + last + 1) >> 2);
    store_bytes(to + kStripRows, (most + next + 2) >> 2);
    last = here;
    here = next;
  }
}

// Returns 3 * nearest + second nearest for a column of samples: the pixels of rows 0 to 3 of the
// samples, or of rows 4 to 7.
template <bool kIsLower>
JPEGCOMPILE_INLINE Word8 mixed_down(const UpsampledStrip& strip, int64_t column) {
  constexpr int kAbove = 8, kBelow = 9;
  const int64_t at = column * kStripRows;
  Byte16 rows = load_half(strip.samples + at);
  Byte16 near, next;
  if constexpr (kIsLower) {
    rows[kBelow] = strip.below[at];
    near = __builtin_shufflevector(rows, rows, 4, 4, 5, 5, 6, 6, 7, 7, 0, 0, 0, 0, 0, 0, 0, 0);
    next = __builtin_shufflevector(rows, rows, 3, 5, 4, 6, 5, 7, 6, kBelow, 0, 0, 0, 0, 0, 0, 0, 0);
  } else {
    rows[kAbove] = strip.above[at];
    near = __builtin_shufflevector(rows, rows, 0, 0, 1, 1, 2, 2, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0);
    next = __builtin_shufflevector(rows, rows, kAbove, 1, 0, 2, 1, 3, 2, 4, 0, 0, 0, 0, 0, 0, 0, 0);
  }
  return words_of(near) * 3 + words_of(next);
}

template <bool kIsLower>
JPEGCOMPILE_INLINE void down_half(const UpsampledStrip& strip) {
  constexpr Word8 kRounding = {1, 2, 1, 2, 1, 2, 1, 2};
  for (int64_t column = 0; column < strip.columns; ++column) {
    store_bytes(strip.to + column * kStripRows,
                 (mixed_down<kIsLower>(strip, column) + kRounding) >> 2);
  }
}

template <typename Isa>
JPEGCOMPILE_INLINE void down(const UpsampledStrip& strip) {
  if (strip.first_row == 0) return down_half<false>(strip);
  down_half<true>(strip);
}

template <bool kIsLower>
JPEGCOMPILE_INLINE void both_half(const UpsampledStrip& strip) {
  Word8 last = mixed_down<kIsLower>(strip, -1), here = mixed_down<kIsLower>(strip, 0);
  for (int64_t column = 0; column < strip.columns; ++column) {
    const Word8 next = mixed_down<kIsLower>(strip, column + 1), most = here * 3;
    uint8_t* to = strip.to + 2 * column * kStripRows;
    store_bytes(to, (most + last + 8) >> 4);
    store_bytes(to + kStripRows, (most + next + 7) >> 4);
    last = here;
    here = next;
  }
}

template <typename Isa>
JPEGCOMPILE_INLINE void both(const UpsampledStrip& strip) {
  if (strip.first_row == 0) return both_half<false>(strip);
  both_half<true>(strip);
}

}  // namespace

JPEGCOMPILE_MULTIVERSION(triangle_across, across, UpsampledStrip)
JPEGCOMPILE_MULTIVERSION(triangle_down, down, UpsampledStrip)
JPEGCOMPILE_MULTIVERSION(triangle_both, both, UpsampledStrip)

void repeat(const UpsampledStrip& strip) {
  for (int64_t column = 0; column < strip.columns; ++column) {
    for (int64_t copy = 0; copy < strip.across; ++copy) {
      uint8_t* to = strip.to + (column * strip.across + copy) * kStripRows;
      for (int64_t row = 0; row < kStripRows; ++row) {
        const int64_t sample = (strip.first_row + row) / strip.down;
        to[row] = strip.samples[column * kStripRows + sample];
      }
    }
  }
}

}  // namespace jpegcompile::integer
