// The "slow integer" algorithm of Loeffler, Ligtenberg and Moschytz (ICASSP 1989) with constants of
// 13 bits, columns first. For coefficients that no image has, the order of operations matters: here
// 16-bit registers wrap around and packing saturates as in libjpeg-turbo's SSE2 and AVX2 code,
// which Pillow's wheels for x86-64 run. (The C code, for machines without them, keeps more bits.)
#include "preprocess/integer/inverse_dct.h"

#include "preprocess/integer/vectors.h"

namespace jpegcompile::integer {
namespace {

constexpr int kConstantBits = 13;
constexpr int kFirstPassBits = 2;  // kept between the passes
constexpr int kFirstShift = kConstantBits - kFirstPassBits;
constexpr int kLastShift = kConstantBits + kFirstPassBits + 3;

constexpr int32_t fixed(double value) {
  return static_cast<int32_t>(value * (1 << kConstantBits) + 0.5);
}

template <typename V>
JPEGCOMPILE_INLINE V wrapped(const V& value) {
  return value << 16 >> 16;
}

// Lanes hold 16-bit values; the results are shifted down, rounded, and not yet saturated.
template <int kShift, typename V>
JPEGCOMPILE_INLINE void inverse(V (&x)[8]) {
  constexpr int kWrapped = 16 - kConstantBits;
  const V middle = (x[2] + x[6]) * fixed(0.541196100);
  const V low = middle - x[6] * fixed(1.847759065);
  const V high = middle + x[2] * fixed(0.765366865);
  const V sum = ((x[0] + x[4]) << 16 >> kWrapped) + (1 << (kShift - 1));
  const V difference = ((x[0] - x[4]) << 16 >> kWrapped) + (1 << (kShift - 1));
  const V even[4] = {sum + high, difference + low, difference - low, sum - high};

  const V third = wrapped(x[7] + x[3]), fourth = wrapped(x[5] + x[1]);
  const V both = (third + fourth) * fixed(1.175875602);
  const V outer = (x[7] + x[1]) * fixed(0.899976223);
  const V inner = (x[5] + x[3]) * fixed(2.562915447);
  const V left = both - third * fixed(1.961570560);
  const V right = both - fourth * fixed(0.390180644);
  const V odd[4] = {
      x[1] * fixed(1.501321110) - outer + right, x[3] * fixed(3.072711026) - inner + left,
      x[5] * fixed(2.053119869) - inner + right, x[7] * fixed(0.298631336) - outer + left};
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    x[i] = (even[i] + odd[i]) >> kShift;
    x[7 - i] = (even[i] - odd[i]) >> kShift;
  }
}

JPEGCOMPILE_INLINE Int8 low_lanes(const Int8& a, const Int8& b) {
  return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}
JPEGCOMPILE_INLINE Int8 high_lanes(const Int8& a, const Int8& b) {
  return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}

// Rows become columns: three times, the first half of the rows is interleaved with the second.
JPEGCOMPILE_INLINE void transpose(Int8 (&x)[8]) {
#pragma GCC unroll 3
  for (int step = 0; step < 3; ++step) {
    Int8 mixed[8];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      mixed[2 * i] = low_lanes(x[i], x[i + 4]);
      mixed[2 * i + 1] = high_lanes(x[i], x[i + 4]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) x[i] = mixed[i];
  }
}

// The second pass, whose lanes are the rows of the block.
JPEGCOMPILE_INLINE void finish(Int8 (&x)[8], uint8_t* to) {
  inverse<kLastShift>(x);
#pragma GCC unroll 8
  for (int column = 0; column < 8; ++column) x[column] = clamp(x[column], -128, 127) + 128;
  store_to(to, bytes_of(x[0], x[1], x[2], x[3]));
  store_to(to + 4 * kStripRows, bytes_of(x[4], x[5], x[6], x[7]));
}

// A block whose rows are all the same: without its first pass, which for such blocks wraps around
// where it would saturate.
JPEGCOMPILE_INLINE void inverse_flat(const Short8& first, uint8_t* to) {
  const Short8 scaled = first << kFirstPassBits;
  Int8 x[8] = {};
#pragma GCC unroll 8
  for (int column = 0; column < 8; ++column) x[column] += scaled[column];
  finish(x, to);
}

JPEGCOMPILE_INLINE void inverse_block(const int16_t* block, const Short8 (&table)[8], uint8_t* to) {
  Short8 rows[8];
  Short8 below = {};
#pragma GCC unroll 8
  for (int v = 0; v < 8; ++v) {
    rows[v] = load_as<Short8>(block + 8 * v);
    if (v > 0) below |= rows[v];
    rows[v] *= table[v];
  }
  using Long2 = int64_t __attribute__((vector_size(16)));
  const auto halves = load_as<Long2>(&below);
  if ((halves[0] | halves[1]) == 0) return inverse_flat(rows[0], to);
  Int8 x[8];
#pragma GCC unroll 8
  for (int v = 0; v < 8; ++v) x[v] = __builtin_convertvector(rows[v], Int8);
  inverse<kFirstShift>(x);
#pragma GCC unroll 8
  for (int y = 0; y < 8; ++y) x[y] = clamp(x[y], -32768, 32767);
  transpose(x);
  finish(x, to);
}

template <typename Isa>
JPEGCOMPILE_INLINE void inverse_row(const BlockRow& row) {
  Short8 table[8];
#pragma GCC unroll 8
  for (int v = 0; v < 8; ++v) table[v] = load_as<Short8>(row.table + 8 * v);
  for (int64_t block = 0; block < row.count; ++block) {
    inverse_block(row.blocks + 64 * block, table, row.to + 64 * block);
  }
}

}  // namespace

JPEGCOMPILE_MULTIVERSION(inverse_dct, inverse_row, BlockRow)

}  // namespace jpegcompile::integer
