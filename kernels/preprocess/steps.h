// The arithmetic of the ingest, each step on as much as lies in the nearest caches.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "preprocess/axis.h"

namespace jpegcompile {

// Rows of the result that the horizontal step and the colours take at once.
inline constexpr int64_t kGroup = 8;

// One row of blocks, through the inverse DCT and everything else along the stored columns, into the
// rows that it adds to.
struct VerticalStep {
  const int16_t* blocks;      // [count or one more][64], natural order
  int64_t count;              // blocks
  int64_t down, across;       // frequencies of a block that are used: 2, 4 or 8
  const float* quantization;  // [8 vertical frequencies][16], each row's first `across` repeated
  const float* factors;       // [rows][down]
  float* const* rows;         // each [across * count rounded up to 16]: horizontal frequencies
  int64_t row_count;
  int64_t old_rows;  // the first rows hold sums already, the others whatever there was
};
void vertical_step(const VerticalStep& step);

// A group of such rows along the stored rows.
struct HorizontalStep {
  const HorizontalOperator* axis;
  std::array<const float*, kGroup> rows;  // from the first block on that the axis reads
  std::array<float*, kGroup> results;     // [8 * chunks] each
};
void horizontal_step(const HorizontalStep& step);

// Most channels of a network, and components of a file.
inline constexpr size_t kMaxChannels = 3;

// Rows of the components become rows of channels: colour, normalisation and the forward DCT along the
// columns.
struct ColorStep {
  size_t components, channels;
  std::array<const float*, kMaxChannels> component_rows;  // [kGroup][stride] each
  size_t stride;
  const float* mixing;                          // [channels][components]
  std::array<const float*, kGroup> constants;   // [channels][stride] each: what is added to a row
  std::array<std::array<float*, kGroup>, kMaxChannels> results;  // [width] each
  int64_t width;
  int64_t block;  // 8, 4, 2 or 1
};
void color_step(const ColorStep& step);

// The forward DCT along the rows, in place.
struct RowTransformStep {
  float* rows;  // [kGroup][stride]
  size_t stride;
  int64_t width;
  int64_t block;
};
void row_transform_step(const RowTransformStep& step);

// Floats as IEEE 754 binary16, to the nearest.
struct HalfStep {
  const float* from;
  uint16_t* to;
  int64_t count;
};
void half_step(const HalfStep& step);

}  // namespace jpegcompile
