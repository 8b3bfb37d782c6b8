// The pixels that a convolution reads: the inverse transform of its input, with zeros around.
#pragma once

#include <cstdint>

#include "../native/band.h"

namespace jpegcompile {

// Tiles of one group of 16 channels, so many rows of so many.
struct Inverse {
  const float* coefficients;  // of the first tile
  TileLayout at;
  int64_t rows, columns;      // of tiles
  int block;
  float* pixels;              // of the first pixel
  int64_t pitch;              // floats from row to row of pixels
};

void inverse_rows(const Inverse& rows);

}  // namespace jpegcompile
