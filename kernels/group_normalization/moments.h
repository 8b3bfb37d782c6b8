// Sums over rows of one group of 16 channels, and what normalises them.
#pragma once

#include <cstdint>

namespace jpegcompile {

// Sums of pixels by coefficients (Parseval), about a number that is near their mean, so that nothing
// cancels in float32: of each of 16 channels, one behind the other,
//   center     the mean of these rows, but for rounding
//   residual   the sum of pixel - center
//   squares    the sum of (pixel - center)^2
struct MeasureRows {
  const float* from;  // [rows][width][16]
  int64_t rows, width;
  int block;
  float* made;  // [3][16]
};
void measure_rows(const MeasureRows& rows);

// (x - center) scale + shift of DC coefficients, x scale of others; [scale, center, shift][16].
struct NormalizeRows {
  const float* from;
  float* to;
  int64_t rows, width;
  int block;
  const float* factors;  // [3][16]
};
void normalize_rows(const NormalizeRows& rows);

}  // namespace jpegcompile
