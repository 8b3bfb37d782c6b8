// Matrices of an ingest, taken to pixels.
#pragma once

#include <cstdint>
#include <vector>

#include "tiles/tensor.h"

namespace jpegcompile {

inline constexpr int kFrequencies = 8;

// A matrix of an ingest, followed by the inverse transform of its result: what each coefficient of
// an axis is in pixels.
struct PixelMatrix {
  int64_t pixels = 0, blocks = 0;
  std::vector<double> values;  // [pixels][8 * blocks]

  // A left matrix [pixels, 8 * blocks] or a right one [8 * blocks, pixels], whose result is in
  // blocks of so many.
  static PixelMatrix of_left(const Tensor& matrix, int block);
  static PixelMatrix of_right(const Tensor& matrix, int block);
};

}  // namespace jpegcompile
