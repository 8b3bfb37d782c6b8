#include <algorithm>
#include <type_traits>

#include "preprocess/steps.h"
#include "tiles/isa.h"

namespace jpegcompile {
namespace {

using Short4 = int16_t __attribute__((vector_size(8)));
using Short8 = int16_t __attribute__((vector_size(16)));
using Short16 = int16_t __attribute__((vector_size(32)));
template <typename V>
using Shorts = std::conditional_t<kWidth<V> == 4, Short4,
                                  std::conditional_t<kWidth<V> == 8, Short8, Short16>>;

template <typename V>
JPEGCOMPILE_INLINE V load_shorts(const int16_t* from) {
  V value;
  __builtin_memcpy(&value, from, sizeof(V));
  return value;
}

// Lanes are horizontal frequencies of half a block, of one block, or of two adjacent blocks.
JPEGCOMPILE_INLINE void load_row(const int16_t* row, Float4& value) {
  value = __builtin_convertvector(load_shorts<Short4>(row), Float4);
}
JPEGCOMPILE_INLINE void load_row(const int16_t* row, Float8& value) {
  value = __builtin_convertvector(load_shorts<Short8>(row), Float8);
}
JPEGCOMPILE_INLINE void load_row(const int16_t* row, Float16& value) {
  const Short8 left = load_shorts<Short8>(row), right = load_shorts<Short8>(row + 64);
  value = __builtin_convertvector(
      __builtin_shufflevector(left, right, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
      Float16);
}

// Loads the first two or four horizontal frequencies of each block that the vector spans.
template <int kAcross, typename V>
JPEGCOMPILE_INLINE void load_pieces(const int16_t* const* rows, V& value) {
  constexpr int kPieces = kWidth<V> / kAcross;
  using Piece = std::conditional_t<kAcross == 4, uint64_t, uint32_t>;
  Piece pieces[kPieces];
#pragma GCC unroll 8
  for (int index = 0; index < kPieces; ++index) {
    __builtin_memcpy(&pieces[index], rows[index], sizeof(Piece));
  }
  Shorts<V> shorts;
  __builtin_memcpy(&shorts, pieces, sizeof(pieces));
  value = __builtin_convertvector(shorts, V);
}

// Loads and dequantizes the first `kDown` vertical frequencies of a vector of columns.
template <int kDown, int kAcross, typename V>
JPEGCOMPILE_INLINE void load_columns(const VerticalStep& step, int64_t column, V (&x)[kDown]) {
  const int64_t first = column / kAcross, place = column % kAcross;
  if constexpr (kAcross == kBlock) {
    const int16_t* const block = step.blocks + kBlock * kBlock * first + place;
#pragma GCC unroll 8
    for (int u = 0; u < kDown; ++u) load_row(block + kBlock * u, x[u]);
  } else {
    constexpr int kPieces = kWidth<V> / kAcross;
    const int16_t* rows[kPieces];
#pragma GCC unroll 8
    for (int index = 0; index < kPieces; ++index) {
      // Lanes past the last block read the last block again.
      rows[index] = step.blocks + kBlock * kBlock * std::min(first + index, step.count - 1);
    }
#pragma GCC unroll 4
    for (int u = 0; u < kDown; ++u) {
      load_pieces<kAcross>(rows, x[u]);
#pragma GCC unroll 8
      for (int index = 0; index < kPieces; ++index) rows[index] += kBlock;
    }
  }
#pragma GCC unroll 8
  for (int u = 0; u < kDown; ++u) x[u] *= load<V>(step.quantization + 16 * u + place);
}

// Returns what the vertical frequencies add to a row.
template <int kDown, typename V>
JPEGCOMPILE_INLINE V weighted(const V (&x)[kDown], const float* factors) {
  V even = x[0] * factors[0], odd = x[1] * factors[1];
#pragma GCC unroll 4
  for (int u = 2; u < kDown; u += 2) {
    even += x[u] * factors[u];
    odd += x[u + 1] * factors[u + 1];
  }
  return even + odd;
}

template <int kDown, int kAcross, typename V>
JPEGCOMPILE_INLINE void add_blocks(const VerticalStep& step) {
  const int64_t width = kAcross * step.count;
  for (int64_t column = 0; column < width; column += kWidth<V>) {
    V x[kDown];
    load_columns<kDown, kAcross>(step, column, x);
    const float* factors = step.factors;
    int64_t row = 0;
    for (; row < step.old_rows; ++row, factors += kDown) {
      float* const sums = step.rows[row] + column;
      store(sums, load<V>(sums) + weighted(x, factors));
    }
    for (; row < step.row_count; ++row, factors += kDown) {
      store(step.rows[row] + column, weighted(x, factors));
    }
  }
}

template <int kDown, typename V>
JPEGCOMPILE_INLINE void add_across(const VerticalStep& step) {
  switch (step.across) {
    case 2:
      return add_blocks<kDown, 2, V>(step);
    case 4:
      return add_blocks<kDown, 4, V>(step);
    default:
      return add_blocks<kDown, 8, V>(step);
  }
}

template <typename Isa>
JPEGCOMPILE_INLINE void vertical(const VerticalStep& step) {
  using V = typename Isa::Vector;
  switch (step.down) {
    case 2:
      return add_across<2, V>(step);
    case 4:
      return add_across<4, V>(step);
    default:
      return add_across<8, V>(step);
  }
}

}  // namespace

JPEGCOMPILE_MULTIVERSION(vertical_step, vertical, VerticalStep)

}  // namespace jpegcompile
