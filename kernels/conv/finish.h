// The steps after the sums of a convolution: bias, residual, activation, transform, and writing the
// output.
#pragma once

#include <cstdint>

#include "tiles/band.h"

namespace jpegcompile {

// Operations on every pixel of a group of 16 channels.
struct Epilogue {
  const float* bias = nullptr;   // [16] per group
  Activation activation = Activation::kNone;
  const float* slope = nullptr;  // PRelu: [16] per group
  float low = 0, high = 0;       // Clip
};

// A rectangle of rows x columns tiles of one group of 16 channels. Pointers refer to the first
// tile, layouts tell where the others are.
struct Finish {
  const float* sums;
  const TileLayout* sums_at;
  bool are_coefficients;    // of the output's tiles; otherwise pixels
  Epilogue epilogue;        // for this group
  const float* residual;    // coefficients at `block`, or null
  const TileLayout* residual_at;
  int block;
  int64_t rows, columns;    // of tiles
  float* output;
  const TileLayout* output_at;
  // Coefficients u + v < frequencies are computed; other stored coefficients become zero.
  int frequencies;
};

void finish(const Finish& finish);

}  // namespace jpegcompile
