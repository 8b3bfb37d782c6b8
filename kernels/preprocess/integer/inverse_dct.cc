// The "slow integer" algorithm of Loeffler, Ligtenberg and Moschytz (ICASSP 1989) with 13-bit
// constants, columns first. For coefficients that no image has, the order of operations matters:
// 16-bit registers wrap around, and packing saturates. Here they do so as in libjpeg-turbo's SSE2
// and AVX2 code, which Pillow's wheels for x86-64 run. (libjpeg-turbo's C code keeps more bits.)
#include "preprocess/integer/inverse_dct.h"

#include "preprocess/integer/ints.h"

namespace jpegcompile::integer {
namespace {

constexpr int kConstantBits = 13;
constexpr int kFirstPassBits = 2;  // fractional bits between the passes
constexpr int kFirstShift = kConstantBits - kFirstPassBits;
constexpr int kLastShift = kConstantBits + kFirstPassBits + 3;

constexpr int32_t fixed(double value) {
  return static_cast<int32_t>(value * (1 << kConstantBits) + 0.5);
}

template <typename V>
JPEGCOMPILE_INLINE V wrapped(const V& value) {
  return value << 16 >> 16;
}

// Lanes contain 16-bit values. Results are rounded and shifted down, but not yet saturated.
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

// Transposes in three steps. Each step interleaves the first half of the rows with the second half.
template <typename V>
JPEGCOMPILE_INLINE void transpose(V (&x)[8]) {
#pragma GCC unroll 3
  for (int step = 0; step < 3; ++step) {
    V mixed[8];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      mixed[2 * i] = low_lanes(x[i], x[i + 4]);
      mixed[2 * i + 1] = high_lanes(x[i], x[i + 4]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) x[i] = mixed[i];
  }
}

// The second pass. Lanes are rows of x[column]; results are samples.
template <typename V>
JPEGCOMPILE_INLINE void last_pass(V (&x)[8]) {
  inverse<kLastShift>(x);
#pragma GCC unroll 8
  for (int column = 0; column < 8; ++column) x[column] = clamp(x[column], -128, 127) + 128;
}

template <typename V>
JPEGCOMPILE_INLINE void both_passes(V (&x)[8]) {
  inverse<kFirstShift>(x);
#pragma GCC unroll 8
  for (int y = 0; y < 8; ++y) x[y] = clamp(x[y], -32768, 32767);
  transpose(x);
  last_pass(x);
}

struct Block {
  Short8 rows[8];  // dequantized
  bool is_flat;    // whether all rows of samples are equal
};

JPEGCOMPILE_INLINE Block load_block(const int16_t* from, const Short8 (&table)[8]) {
  Block block;
  Short8 below = {};
#pragma GCC unroll 8
  for (int v = 0; v < 8; ++v) {
    const auto row = load_as<Short8>(from + 8 * v);
    if (v > 0) below |= row;
    block.rows[v] = row * table[v];
  }
  using Long2 = int64_t __attribute__((vector_size(16)));
  const auto halves = load_as<Long2>(&below);
  block.is_flat = (halves[0] | halves[1]) == 0;
  return block;
}

template <typename V>
JPEGCOMPILE_INLINE void store_block(uint8_t* to, const V (&x)[8]) {
  store_four(to, x[0], x[1], x[2], x[3]);
  store_four(to + 4 * kStripRows, x[4], x[5], x[6], x[7]);
}

// The first pass of a flat block is only a shift, as in libjpeg-turbo: large values wrap around
// instead of saturating.
template <typename V>
JPEGCOMPILE_INLINE void inverse_flat(const Block& block, uint8_t* to) {
  const Short8 scaled = block.rows[0] << kFirstPassBits;
  V x[8] = {};
#pragma GCC unroll 8
  for (int column = 0; column < 8; ++column) x[column] = x[column] + int32_t{scaled[column]};
  last_pass(x);
  store_block(to, x);
}

template <typename V>
JPEGCOMPILE_INLINE void inverse_block(const Block& block, uint8_t* to) {
  if (block.is_flat) return inverse_flat<V>(block, to);
  V x[8];
#pragma GCC unroll 8
  for (int v = 0; v < 8; ++v) x[v] = ints_of<V>(block.rows[v]);
  both_passes(x);
  store_block(to, x);
}

// Transforms two blocks in 512-bit vectors. Neither block may be flat.
JPEGCOMPILE_INLINE void inverse_two(const Block& a, const Block& b, uint8_t* to) {
  Int16 x[8];
#pragma GCC unroll 8
  for (int v = 0; v < 8; ++v) {
    const Short16 rows = __builtin_shufflevector(a.rows[v], b.rows[v], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
                                                 10, 11, 12, 13, 14, 15);
    x[v] = __builtin_convertvector(rows, Int16);
  }
  both_passes(x);
#pragma GCC unroll 8
  for (int column = 0; column < 8; ++column) {
    const auto halves = __builtin_convertvector(x[column], Byte16);
    __builtin_memcpy(to + column * kStripRows, &halves, 8);
    __builtin_memcpy(to + (8 + column) * kStripRows,
                     reinterpret_cast<const uint8_t*>(&halves) + 8, 8);
  }
}

template <typename Isa>
JPEGCOMPILE_INLINE void inverse_row(const BlockRow& row) {
  Short8 table[8];
#pragma GCC unroll 8
  for (int v = 0; v < 8; ++v) table[v] = load_as<Short8>(row.table + 8 * v);
  for (int64_t i = 0; i < row.count; ++i) {
    const Block block = load_block(row.blocks + 64 * i, table);
    if constexpr (std::is_same_v<Isa, Avx512>) {
      if (!block.is_flat && i + 1 < row.count) {
        const Block next = load_block(row.blocks + 64 * (i + 1), table);
        if (!next.is_flat) {
          inverse_two(block, next, row.to + 64 * i++);
          continue;
        }
      }
    }
    inverse_block<Ints<Isa>>(block, row.to + 64 * i);
  }
}

}  // namespace

JPEGCOMPILE_MULTIVERSION(inverse_dct, inverse_row, BlockRow)

}  // namespace jpegcompile::integer
