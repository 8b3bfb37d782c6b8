// The arithmetic of the ingest. Each step works on data that fits into the L1 and L2 caches.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "preprocess/axis.h"

namespace jpegcompile {

// Number of rows of the result that the horizontal step and the color step process at once.
inline constexpr int64_t kGroup = 8;

// Adds one block row to the rows of sums that depend on it: inverse DCT, upsampling and resize
// along the stored columns.
struct VerticalStep {
  const int16_t* blocks;      // [count or count + 1][64], natural order
  int64_t count;              // number of blocks
  int64_t down, across;       // vertical and horizontal frequencies in use: 2, 4 or 8
  const float* quantization;  // [8 vertical frequencies][16]: the first `across`, repeated
  const float* factors;       // [rows][down]
  float* const* rows;         // horizontal frequencies, each [across * count rounded up to 16]
  int64_t row_count;
  int64_t old_rows;  // the first `old_rows` rows contain sums, the others are uninitialized
};
void vertical_step(const VerticalStep& step);

// Applies a horizontal operator to a group of complete rows of sums.
struct HorizontalStep {
  const HorizontalOperator* axis;
  std::array<const float*, kGroup> rows;  // beginning with the first block that the axis reads
  std::array<float*, kGroup> results;     // [8 * chunks] each
};
void horizontal_step(const HorizontalStep& step);

// Maximum number of channels of a network, and of components of a file.
inline constexpr size_t kMaxChannels = 3;

// Computes rows of channels from rows of components: color conversion, normalization, and the
// forward DCT along the columns.
struct ColorStep {
  size_t components, channels;
  std::array<const float*, kMaxChannels> component_rows;  // [kGroup][stride] each
  size_t stride;
  const float* mixing;                          // [channels][components]
  std::array<const float*, kGroup> constants;   // added to each row: [channels][stride] each
  std::array<std::array<float*, kGroup>, kMaxChannels> results;  // [width] each
  int64_t width;
  int64_t block;  // 8, 4, 2 or 1
};
void color_step(const ColorStep& step);

// Applies the forward DCT along the rows, in place.
struct RowTransformStep {
  float* rows;  // [kGroup][stride]
  size_t stride;
  int64_t width;
  int64_t block;
};
void row_transform_step(const RowTransformStep& step);

// Converts float32 to float16 (IEEE 754 binary16), rounding to nearest, ties to even.
struct HalfStep {
  const float* from;
  uint16_t* to;
  int64_t count;
};
void half_step(const HalfStep& step);

}  // namespace jpegcompile
