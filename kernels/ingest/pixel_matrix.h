// Matrices of an ingest, with outputs in pixels.
#pragma once

#include <cstdint>
#include <vector>

#include "tiles/tensor.h"

namespace jpegcompile {

inline constexpr int kFrequencies = 8;

// A matrix of an ingest multiplied by the inverse transform: the pixels of each coefficient of an
// axis.
struct PixelMatrix {
  int64_t pixels = 0, blocks = 0;
  std::vector<double> values;  // [pixels][8 * blocks]

  // From a left matrix [pixels, 8 * blocks] or a right matrix [8 * blocks, pixels], whose outputs
  // are blocks of size `block`.
  static PixelMatrix of_left(const Tensor& matrix, int block);
  static PixelMatrix of_right(const Tensor& matrix, int block);
};

}  // namespace jpegcompile
