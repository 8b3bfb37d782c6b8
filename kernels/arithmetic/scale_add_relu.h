// y = relu(scale x + residual), with one factor per channel, for rows of one group of channels.
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
  int frequencies;      // to compute; other stored coefficients become zero
  const float* scale;   // for the 16 channels
};
void scale_add_relu(const ScaleAddRelu& rows);

}  // namespace jpegcompile
