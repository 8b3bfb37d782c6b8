#include "accumulate.h"

#include <algorithm>

#include "../native/isa.h"

namespace jpegcompile {
namespace {

// Outputs of a patch whose sums stay in registers over all coefficients of a block, which so cost
// one load and one multiplication each.
template <typename Isa>
inline constexpr int kOutputs = std::is_same_v<Isa, Avx512> ? 14 : Isa::kRows + 1;

template <typename Isa, int Outputs>
JPEGCOMPILE_INLINE void add_blocks(const RowSums& task, int64_t column) {
  using V = typename Isa::Vector;
  constexpr int kVectors = kLanes / kWidth<V>;
  const float* table = task.table + column * kLanes;
  float* row = task.row + column * kLanes;
  for (int64_t block = 0; block < task.blocks; ++block, row += task.step) {
    const Nonzero* nonzero = task.nonzeros + task.starts[block];
    const Nonzero* end = task.nonzeros + task.starts[block + 1];
    if (nonzero == end) continue;
    V sums[Outputs * kVectors];
#pragma GCC unroll 32
    for (int i = 0; i < Outputs * kVectors; ++i) sums[i] = load<V>(row + i * kWidth<V>);
    for (; nonzero != end; ++nonzero) {
      const float* patch = table + nonzero->place;
      const float value = nonzero->value;
#pragma GCC unroll 32
      for (int i = 0; i < Outputs * kVectors; ++i) {
        sums[i] += load<V>(patch + i * kWidth<V>) * value;
      }
    }
#pragma GCC unroll 32
    for (int i = 0; i < Outputs * kVectors; ++i) store(row + i * kWidth<V>, sums[i]);
  }
}

template <typename Isa, int Outputs>
JPEGCOMPILE_INLINE void dispatch(int64_t outputs, const RowSums& task, int64_t column) {
  if constexpr (Outputs > 0) {
    if (outputs == Outputs) {
      add_blocks<Isa, Outputs>(task, column);
    } else {
      dispatch<Isa, Outputs - 1>(outputs, task, column);
    }
  }
}

// Parts of as equal widths as can be.
template <typename Isa>
JPEGCOMPILE_INLINE void accumulate_body(const RowSums& task) {
  const int64_t parts = (task.columns + kOutputs<Isa> - 1) / kOutputs<Isa>;
  int64_t column = 0;
  for (int64_t part = 0; part < parts; ++part) {
    const int64_t end = task.columns * (part + 1) / parts;
    dispatch<Isa, kOutputs<Isa>>(end - column, task, column);
    column = end;
  }
}

}  // namespace

JPEGCOMPILE_MULTIVERSION(accumulate, accumulate_body, RowSums)

}  // namespace jpegcompile
