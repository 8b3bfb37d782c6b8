#include <type_traits>

#include "preprocess/steps.h"
#include "tiles/isa.h"

namespace jpegcompile {
namespace {

// Computes eight rows of a chunk, or of half a chunk. Their sums stay in registers.
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

// Vectors are no wider than a chunk. Vectors of 16 lanes for two rows are slower: multiplication
// instructions can broadcast one number from memory, but not a pair.
template <typename V>
using ChunkVector = std::conditional_t<(kWidth<V> > kBlock), Float8, V>;

template <typename Isa>
JPEGCOMPILE_INLINE void horizontal(const HorizontalStep& step) {
  using V = ChunkVector<typename Isa::Vector>;
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

}  // namespace

JPEGCOMPILE_MULTIVERSION(horizontal_step, horizontal, HorizontalStep)

}  // namespace jpegcompile
