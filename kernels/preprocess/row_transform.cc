#include <type_traits>

#include "preprocess/steps.h"
#include "preprocess/tile_transform.h"
#include "tiles/isa.h"
#include "tiles/transpose.h"

namespace jpegcompile {
namespace {

// Columns become vectors, so vectors must not be wider than a group is high.
template <typename V>
using ColumnVector = std::conditional_t<(kWidth<V> > kGroup), Float8, V>;

// Transforms eight columns of kWidth<V> rows.
template <int B, typename V>
JPEGCOMPILE_INLINE void transform_part(float* rows, size_t stride) {
  constexpr int kSide = kWidth<V>;
  V columns[kGroup];
#pragma GCC unroll 2
  for (int part = 0; part < kGroup; part += kSide) {
    V square[kSide];
#pragma GCC unroll 8
    for (int row = 0; row < kSide; ++row) {
      square[row] = load<V>(rows + static_cast<size_t>(row) * stride + part);
    }
    transpose(square);
#pragma GCC unroll 8
    for (int index = 0; index < kSide; ++index) columns[part + index] = square[index];
  }
  transform_tiles<B>(columns);
#pragma GCC unroll 2
  for (int part = 0; part < kGroup; part += kSide) {
    V square[kSide];
#pragma GCC unroll 8
    for (int index = 0; index < kSide; ++index) square[index] = columns[part + index];
    transpose(square);
#pragma GCC unroll 8
    for (int row = 0; row < kSide; ++row) {
      store(rows + static_cast<size_t>(row) * stride + part, square[row]);
    }
  }
}

template <int B, typename V>
JPEGCOMPILE_INLINE void transform_rows(const RowTransformStep& step) {
  for (int64_t column = 0; column < step.width; column += kGroup) {
    for (int64_t row = 0; row < kGroup; row += kWidth<V>) {
      transform_part<B, V>(step.rows + static_cast<size_t>(row) * step.stride + column,
                           step.stride);
    }
  }
}

template <typename Isa>
JPEGCOMPILE_INLINE void row_transform(const RowTransformStep& step) {
  using V = ColumnVector<typename Isa::Vector>;
  switch (step.block) {
    case 8:
      return transform_rows<8, V>(step);
    case 4:
      return transform_rows<4, V>(step);
    case 2:
      return transform_rows<2, V>(step);
    default:
      return;
  }
}

}  // namespace

JPEGCOMPILE_MULTIVERSION(row_transform_step, row_transform, RowTransformStep)

}  // namespace jpegcompile
