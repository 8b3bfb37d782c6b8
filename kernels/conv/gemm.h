// The one matrix product under every convolution.
//
// A row is an output pixel (or a Winograd tile), a column an output channel. What is summed over
// comes in segments, runs of `depth` floats that lie at the same offsets from every row's origin:
// the groups of 16 channels of a 1x1 convolution, these for every tap of a larger kernel, the rows
// of a kernel on an image of three channels.
#pragma once

#include <cstdint>

#include "conv/finish.h"

namespace jpegcompile {

struct Gemm {
  const float* input;        // origin of row 0
  int64_t row_stride;        // floats from one row's origin to the next
  int64_t rows;
  const int64_t* offsets;    // of the segments, in floats from a row's origin
  int64_t segments, depth;
  const float* weights;      // [groups][segments][depth][16]
  int64_t groups;            // of 16 output channels
  float* output;             // rows of 16 floats, one after the other,
  int64_t output_group;      // groups so many floats apart
  const Epilogue* epilogue = nullptr;  // of the first group, done before sums are stored, or null
  const float* residual = nullptr;     // laid out as the output, added before the activation
  // What will be written and read when the sums are finished, brought near while they are made:
  // rows of 16 floats, groups so many floats apart; or null.
  const float* ahead_output = nullptr;
  const float* ahead_residual = nullptr;
  int64_t ahead_group = 0, ahead_residual_group = 0;
};

// output[group][row][channel] = epilogue(sum over segments and depth + residual); overwrites.
void multiply(const Gemm& gemm);

}  // namespace jpegcompile
