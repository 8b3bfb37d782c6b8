// The pixels that a convolution reads: the inverse transform of its input, with zeros around.
#pragma once

#include <cstdint>

namespace jpegcompile {

// Rows of one group of 16 channels, a whole number of tiles high.
struct Inverse {
  const float* coefficients;  // [rows][width][16]
  int64_t rows, width;
  int block;
  float* pixels;              // of the first pixel
  int64_t pitch;              // floats from row to row of pixels
};

void inverse_rows(const Inverse& rows);

}  // namespace jpegcompile
