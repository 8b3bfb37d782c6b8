// y = relu(scale x + residual), a factor for each channel, of rows of one group of channels.
#pragma once

#include <cstdint>

#include "tiles/band.h"

namespace jpegcompile {

struct ScaleAddRelu {
  Tiles x, residual;
  float* y;
  TileLayout y_at;
  int64_t rows, width;  // multiples of the block size
  int block;
  int frequencies;      // that are made; others that have a place are zeros
  const float* scale;   // of the 16 channels
};
void scale_add_relu(const ScaleAddRelu& rows);

}  // namespace jpegcompile
