#include "ingest_conv/accumulate.h"

#include <algorithm>

#include "tiles/isa.h"

namespace jpegcompile {
namespace {

// A part of a patch: the outputs and channel groups whose sums stay in registers for all
// coefficients of a block. Each sum then costs one load and one multiplication per coefficient.
template <typename Isa>
struct Part {
  static constexpr int kOutputs = Isa::kRows + 1;
  static constexpr int kGroups = 1;
};
template <>
struct Part<Avx512> {
  static constexpr int kOutputs = 12;
  static constexpr int kGroups = 2;
};

// If a part is a whole patch, the offsets of a coefficient's vectors are compile-time constants.
template <typename Isa, int Outputs, int Groups, bool IsWhole>
JPEGCOMPILE_INLINE void add_blocks(const RowSums& task, const float* table, float* row) {
  using V = typename Isa::Vector;
  constexpr int kVectors = kLanes / kWidth<V>;
  const int64_t table_group = (IsWhole ? Outputs : task.columns) * kLanes;
  for (int64_t block = 0; block < task.blocks; ++block, row += task.step) {
    const Nonzero* nonzero = task.nonzeros + task.starts[block];
    const Nonzero* end = task.nonzeros + task.starts[block + 1];
    if (nonzero == end) continue;
    V sums[Groups][Outputs * kVectors];
#pragma GCC unroll 2
    for (int group = 0; group < Groups; ++group) {
#pragma GCC unroll 32
      for (int i = 0; i < Outputs * kVectors; ++i) {
        sums[group][i] = load<V>(row + group * task.row_group + i * kWidth<V>);
      }
    }
    for (; nonzero != end; ++nonzero) {
      const float* patch = table + nonzero->place;
      const float value = nonzero->value;
#pragma GCC unroll 2
      for (int group = 0; group < Groups; ++group) {
#pragma GCC unroll 32
        for (int i = 0; i < Outputs * kVectors; ++i) {
          sums[group][i] += load<V>(patch + group * table_group + i * kWidth<V>) * value;
        }
      }
    }
#pragma GCC unroll 2
    for (int group = 0; group < Groups; ++group) {
#pragma GCC unroll 32
      for (int i = 0; i < Outputs * kVectors; ++i) {
        store(row + group * task.row_group + i * kWidth<V>, sums[group][i]);
      }
    }
  }
}

template <typename Isa, int Outputs, int Groups>
JPEGCOMPILE_INLINE void dispatch(int64_t outputs, const RowSums& task, const float* table,
                                 float* row) {
  if constexpr (Outputs > 0) {
    if (outputs == Outputs) {
      if (outputs == task.columns) {
        add_blocks<Isa, Outputs, Groups, true>(task, table, row);
      } else {
        add_blocks<Isa, Outputs, Groups, false>(task, table, row);
      }
    } else {
      dispatch<Isa, Outputs - 1, Groups>(outputs, task, table, row);
    }
  }
}

// Splits patches into parts of nearly equal widths.
template <typename Isa, int Groups>
JPEGCOMPILE_INLINE void add_columns(const RowSums& task, int64_t group) {
  constexpr int kOutputs = Part<Isa>::kOutputs;
  const int64_t parts = (task.columns + kOutputs - 1) / kOutputs;
  int64_t column = 0;
  for (int64_t part = 0; part < parts; ++part) {
    const int64_t end = task.columns * (part + 1) / parts;
    dispatch<Isa, kOutputs, Groups>(end - column, task,
                                    task.table + (group * task.columns + column) * kLanes,
                                    task.row + group * task.row_group + column * kLanes);
    column = end;
  }
}

template <typename Isa>
JPEGCOMPILE_INLINE void accumulate_body(const RowSums& task) {
  constexpr int kGroups = Part<Isa>::kGroups;
  int64_t group = 0;
  for (; group + kGroups <= task.groups; group += kGroups) add_columns<Isa, kGroups>(task, group);
  if constexpr (kGroups > 1) {
    for (; group < task.groups; ++group) add_columns<Isa, 1>(task, group);
  }
}

}  // namespace

JPEGCOMPILE_MULTIVERSION(accumulate, accumulate_body, RowSums)

}  // namespace jpegcompile
