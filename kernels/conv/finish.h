// What follows the sums of a convolution: bias, residual, activation, transform, and the place in
// the output.
#pragma once

#include <cstdint>

#include "tiles/band.h"

namespace jpegcompile {

// What is done to every pixel of a group of 16 channels.
struct Epilogue {
  const float* bias = nullptr;   // [16] for each group
  Activation activation = Activation::kNone;
  const float* slope = nullptr;  // [16] for each group, of PRelu
  float low = 0, high = 0;       // of Clip
};

// Tiles of one group of 16 channels, so many rows of so many. What belongs to the first of them is
// where a pointer points to; where the others are, a layout tells.
struct Finish {
  const float* sums;
  const TileLayout* sums_at;
  bool are_coefficients;    // of the output's tiles, else pixels
  Epilogue epilogue;        // of this group
  const float* residual;    // coefficients at `block`, or null
  const TileLayout* residual_at;
  int block;
  int64_t rows, columns;    // of tiles
  float* output;
  const TileLayout* output_at;
  // Coefficients u + v < frequencies are made; those beyond that have a place are zero.
  int frequencies;
};

void finish(const Finish& finish);

}  // namespace jpegcompile
