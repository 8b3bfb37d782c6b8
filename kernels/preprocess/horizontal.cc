#include <type_traits>

#include "preprocess/steps.h"
#include "tiles/isa.h"

namespace jpegcompile {
namespace {

// A chunk is 8 outputs: no wider vector helps.
template <typename V>
using ChunkVector = std::conditional_t<(kWidth<V> > kBlock), Float8, V>;

// `Rows` rows of one chunk, or of half of it, stay in registers.
template <typename V, int Rows>
JPEGCOMPILE_INLINE void multiply(const float* factors, int64_t inputs, const float* const* rows,
                                 int64_t first, float* const* results, int64_t place) {
  V sums[Rows] = {};
  for (int64_t input = 0; input < inputs; ++input, factors += kBlock) {
    const V factor = load<V>(factors);
#pragma GCC unroll 8
    for (int row = 0; row < Rows; ++row) sums[row] += factor * rows[row][first + input];
  }
#pragma GCC unroll 8
  for (int row = 0; row < Rows; ++row) store(results[row] + place, sums[row]);
}

template <typename Isa>
JPEGCOMPILE_INLINE void horizontal(const HorizontalStep& step) {
  using V = ChunkVector<typename Isa::Vector>;
  const HorizontalOperator& axis = *step.axis;
  int64_t place = 0;
  for (const HorizontalOperator::Chunk& chunk : axis.chunks()) {
    const float* const factors = axis.factors() + chunk.factors;
    const int64_t first = kBlock * (chunk.first_block - axis.first_block());
    for (int64_t lane = 0; lane < kBlock; lane += kWidth<V>) {
      multiply<V, kGroup>(factors + lane, kBlock * chunk.blocks, step.rows.data(), first,
                          step.results.data(), place + lane);
    }
    place += kBlock;
  }
}

}  // namespace

JPEGCOMPILE_MULTIVERSION(horizontal_step, horizontal, HorizontalStep)

}  // namespace jpegcompile
