#include "preprocess/steps.h"
#include "tiles/isa.h"
#include "tiles/transpose.h"

namespace jpegcompile {
namespace {

// Eight rows of one chunk, or of half of it, stay in registers.
template <typename V>
JPEGCOMPILE_INLINE void multiply(const float* factors, int64_t inputs, const float* const* rows,
                                 int64_t first, float* const* results) {
  V sums[kGroup] = {};
  for (int64_t input = 0; input < inputs; ++input, factors += kBlock) {
    const V factor = load<V>(factors);
#pragma GCC unroll 8
    for (int row = 0; row < kGroup; ++row) sums[row] += factor * rows[row][first + input];
  }
#pragma GCC unroll 8
  for (int row = 0; row < kGroup; ++row) store(results[row], sums[row]);
}

template <typename V>
JPEGCOMPILE_INLINE void by_rows(const HorizontalStep& step) {
  const HorizontalOperator& axis = *step.axis;
  const int64_t frequencies = axis.frequencies_per_block();
  std::array<float*, kGroup> results = step.results;
  for (const HorizontalOperator::Chunk& chunk : axis.chunks()) {
    const float* const factors = axis.factors() + chunk.factors;
    const int64_t first = frequencies * (chunk.first_block - axis.first_block());
    const int64_t inputs = frequencies * chunk.blocks;
    for (int64_t lane = 0; lane < kBlock; lane += kWidth<V>) {
      multiply<V>(factors + lane, inputs, step.rows.data(), first, results.data());
      for (float*& result : results) result += kWidth<V>;
    }
  }
}

// A chunk is 8 outputs, half a vector of 16: two rows share one. Their inputs stand beside each other
// and are broadcast as one double.
constexpr int kPairs = kGroup / 2;
using Double8 = double __attribute__((vector_size(64)));

JPEGCOMPILE_INLINE Float16 broadcast_pair(const float* from) {
  double pair;
  __builtin_memcpy(&pair, from, sizeof pair);
  return (Float16)Double8{pair, pair, pair, pair, pair, pair, pair, pair};
}

// Every number twice.
JPEGCOMPILE_INLINE Float16 doubled(const Float8& single) {
  return __builtin_shufflevector(single, single, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
}

JPEGCOMPILE_INLINE void pair_rows(const HorizontalStep& step, int64_t width) {
  for (int pair = 0; pair < kPairs; ++pair) {
    const float *even = step.rows[2 * pair], *odd = step.rows[2 * pair + 1];
    float* to = step.scratch + pair * 2 * width;
    for (int64_t column = 0; column < width; column += 16, to += 32) {
      const Float16 above = load<Float16>(even + column), below = load<Float16>(odd + column);
      store(to, interleave_low(above, below));
      store(to + 16, interleave_high(above, below));
    }
  }
}

JPEGCOMPILE_INLINE void by_pairs(const HorizontalStep& step) {
  const HorizontalOperator& axis = *step.axis;
  const int64_t frequencies = axis.frequencies_per_block();
  const int64_t width = (frequencies * (axis.last_block() - axis.first_block()) + 15) / 16 * 16;
  pair_rows(step, width);
  int64_t place = 0;
  for (const HorizontalOperator::Chunk& chunk : axis.chunks()) {
    const float* factors = axis.factors() + chunk.factors;
    const float* inputs =
        step.scratch + 2 * frequencies * (chunk.first_block - axis.first_block());
    // Sums of even and odd inputs apart: a sum alone would wait for each product.
    Float16 sums[2][kPairs] = {};
    for (int64_t input = 0; input < frequencies * chunk.blocks; input += 2) {
#pragma GCC unroll 2
      for (int half = 0; half < 2; ++half, factors += kBlock, inputs += 2) {
        const Float16 factor = doubled(load<Float8>(factors));
#pragma GCC unroll 4
        for (int pair = 0; pair < kPairs; ++pair) {
          sums[half][pair] += factor * broadcast_pair(inputs + pair * 2 * width);
        }
      }
    }
#pragma GCC unroll 4
    for (int pair = 0; pair < kPairs; ++pair) {
      const Float16 both = sums[0][pair] + sums[1][pair];
      store(step.results[2 * pair] + place,
            __builtin_shufflevector(both, both, 0, 2, 4, 6, 8, 10, 12, 14));
      store(step.results[2 * pair + 1] + place,
            __builtin_shufflevector(both, both, 1, 3, 5, 7, 9, 11, 13, 15));
    }
    place += kBlock;
  }
}

template <typename Isa>
JPEGCOMPILE_INLINE void horizontal(const HorizontalStep& step) {
  using V = typename Isa::Vector;
  if constexpr (kWidth<V> > kBlock) {
    by_pairs(step);
  } else {
    by_rows<V>(step);
  }
}

}  // namespace

JPEGCOMPILE_MULTIVERSION(horizontal_step, horizontal, HorizontalStep)

}  // namespace jpegcompile
