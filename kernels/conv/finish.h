// What follows the sums of a convolution: bias, residual, activation, transform, and the place in
// the output.
#pragma once

#include <cstdint>

namespace jpegcompile {

enum class Activation { kNone, kRelu, kPRelu, kClip };

// What is done to every pixel of a group of 16 channels.
struct Epilogue {
  const float* bias = nullptr;   // [16] for each group
  Activation activation = Activation::kNone;
  const float* slope = nullptr;  // [16] for each group, of PRelu
  float low = 0, high = 0;       // of Clip
};

// Rows of one group of 16 channels, a whole number of tiles high; pitches in floats.
struct Finish {
  const float* sums;        // [rows][width][16]
  int64_t sums_pitch;
  bool are_coefficients;    // of the output's tiles, else pixels
  Epilogue epilogue;        // of this group
  const float* residual;    // coefficients at `block`, or null
  int64_t residual_pitch;
  int block;
  int64_t rows, width;
  float* output;            // may be `sums`
  int64_t output_pitch;
};

void finish(const Finish& finish);

}  // namespace jpegcompile
