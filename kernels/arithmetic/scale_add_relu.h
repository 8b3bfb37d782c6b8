// y = relu(scale x + residual), a factor for each channel, of rows of one group of channels.
#pragma once

#include <cstdint>

namespace jpegcompile {

struct ScaleAddRelu {
  const float* x;         // all [rows][width][16]
  const float* residual;
  float* y;
  int64_t rows, width;    // multiples of the block size
  int block;
  const float* scale;     // of the 16 channels
};
void scale_add_relu(const ScaleAddRelu& rows);

}  // namespace jpegcompile
