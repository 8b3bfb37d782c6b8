#include "conv/gemm.h"

#include <algorithm>

#include "conv/epilogue.h"
#include "tiles/isa.h"

namespace jpegcompile {
namespace {

// Finishes a column of sums in registers.
template <int Rows, typename V>
JPEGCOMPILE_INLINE void finish_column(const Gemm& gemm, const float* output, int64_t lane,
                                      V (&sums)[Rows]) {
  add_bias<Rows>(sums, *gemm.epilogue, lane);
  if (gemm.residual != nullptr) {
    const float* residual = gemm.residual + (output - gemm.output);
#pragma GCC unroll 16
    for (int row = 0; row < Rows; ++row) sums[row] += load<V>(residual + row * kLanes);
  }
  activate<Rows>(sums, *gemm.epilogue, lane);
}

template <int Rows, int Groups>
JPEGCOMPILE_INLINE void prefetch(const Gemm& gemm, int64_t group, int64_t row) {
#pragma GCC unroll 2
  for (int part = 0; part < Groups; ++part) {
#pragma GCC unroll 16
    for (int line = 0; line < Rows; ++line) {
      const int64_t place = (row + line) * kLanes;
      __builtin_prefetch(gemm.ahead_output + (group + part) * gemm.ahead_group + place, 1);
      if (gemm.ahead_residual != nullptr) {
        __builtin_prefetch(
            gemm.ahead_residual + (group + part) * gemm.ahead_residual_group + place, 0);
      }
    }
  }
}

// The accumulators of a register tile must be indexed by compile-time constants; otherwise the
// compiler does not keep the array in registers.
template <typename Isa, int Rows, int Groups, int RowStride>
JPEGCOMPILE_INLINE void multiply_tile(const Gemm& gemm, int64_t group, int64_t first_row,
                                      const float* weights) {
  using V = typename Isa::Vector;
  constexpr int kVectors = kLanes / kWidth<V>;
  constexpr int kColumns = Groups * kVectors;
  const int64_t row_stride = RowStride > 0 ? RowStride : gemm.row_stride;
  const int64_t weights_group = gemm.segments * gemm.depth * kLanes;
  const float* input = gemm.input + first_row * row_stride;
  float* output = gemm.output + group * gemm.output_group + first_row * kLanes;
  if (gemm.ahead_output != nullptr) prefetch<Rows, Groups>(gemm, group, first_row);
  V sums[kColumns][Rows] = {};
  for (int64_t segment = 0; segment < gemm.segments; ++segment) {
    const float* from = input + gemm.offsets[segment];
#pragma GCC unroll 2
    for (int64_t step = 0; step < gemm.depth; ++step) {
      V columns[kColumns];
#pragma GCC unroll 8
      for (int column = 0; column < kColumns; ++column) {
        columns[column] = load<V>(weights + column / kVectors * weights_group +
                                  column % kVectors * kWidth<V>);
      }
#pragma GCC unroll 16
      for (int row = 0; row < Rows; ++row) {
        const float value = from[row * row_stride + step];
#pragma GCC unroll 8
        for (int column = 0; column < kColumns; ++column) {
          sums[column][row] += columns[column] * value;
        }
      }
      weights += kLanes;
    }
  }
#pragma GCC unroll 8
  for (int column = 0; column < kColumns; ++column) {
    const int64_t lane = column * kWidth<V>;
    float* place = output + lane / kLanes * gemm.output_group + lane % kLanes;
    if (gemm.epilogue != nullptr) {
      finish_column<Rows>(gemm, place, group * kLanes + lane, sums[column]);
    }
#pragma GCC unroll 16
    for (int row = 0; row < Rows; ++row) store(place + row * kLanes, sums[column][row]);
  }
}

// Splits rows into tiles of nearly equal heights, so that no tile is small.
template <typename Isa, int Groups, int RowStride, int Rows>
JPEGCOMPILE_INLINE void dispatch_rows(int64_t rows, const Gemm& gemm, int64_t group,
                                      int64_t first_row, const float* weights) {
  if constexpr (Rows > 0) {
    if (rows == Rows) {
      multiply_tile<Isa, Rows, Groups, RowStride>(gemm, group, first_row, weights);
    } else {
      dispatch_rows<Isa, Groups, RowStride, Rows - 1>(rows, gemm, group, first_row, weights);
    }
  }
}

template <typename Isa, int Groups, int RowStride>
JPEGCOMPILE_INLINE void multiply_column(const Gemm& gemm, int64_t group) {
  const int64_t tiles = (gemm.rows + Isa::kRows - 1) / Isa::kRows;
  const float* weights = gemm.weights + group * gemm.segments * gemm.depth * kLanes;
  int64_t row = 0;
  for (int64_t tile = 0; tile < tiles; ++tile) {
    const int64_t end = gemm.rows * (tile + 1) / tiles;
    dispatch_rows<Isa, Groups, RowStride, Isa::kRows>(end - row, gemm, group, row, weights);
    row = end;
  }
}

template <typename Isa, int RowStride>
JPEGCOMPILE_INLINE void multiply_columns(const Gemm& gemm) {
  int64_t group = 0;
  for (; group + Isa::kGroups <= gemm.groups; group += Isa::kGroups) {
    multiply_column<Isa, Isa::kGroups, RowStride>(gemm, group);
  }
  if constexpr (Isa::kGroups > 1) {
    for (; group < gemm.groups; ++group) multiply_column<Isa, 1, RowStride>(gemm, group);
  }
}

template <typename Isa>
JPEGCOMPILE_INLINE void multiply_body(const Gemm& gemm) {
  // Rows one pixel apart are the most common case. A constant stride folds into the addresses.
  if (gemm.row_stride == kLanes) {
    multiply_columns<Isa, kLanes>(gemm);
  } else {
    multiply_columns<Isa, 0>(gemm);
  }
}

}  // namespace

JPEGCOMPILE_MULTIVERSION(multiply, multiply_body, Gemm)

}  // namespace jpegcompile
