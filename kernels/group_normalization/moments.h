// Sums over rows of one group of 16 channels, and their normalization.
#pragma once

#include <cstdint>

namespace jpegcompile {

// Sums of pixels, computed from coefficients (Parseval). They are taken about a number close to the
// mean, so that nothing cancels in float32. For each of 16 channels, one array after the other:
//   center     the mean of these rows, up to rounding
//   residual   the sum of pixel - center
//   squares    the sum of (pixel - center)^2
struct MeasureRows {
  const float* from;  // [rows][width][16]
  int64_t rows, width;
  int block;
  float* made;  // [3][16]
};
void measure_rows(const MeasureRows& rows);

// DC coefficients become (x - center) scale + shift, others x scale; [scale, center, shift][16].
struct NormalizeRows {
  const float* from;
  float* to;
  int64_t rows, width;
  int block;
  const float* factors;  // [3][16]
};
void normalize_rows(const NormalizeRows& rows);

}  // namespace jpegcompile
