// The matrix product that every convolution uses.
//
// A row is an output pixel (or a Winograd tile), a column is an output channel. The terms of a sum
// come in segments: runs of `depth` contiguous floats, at the same offsets from the origin of every
// row. Segments are the groups of 16 channels of a 1x1 convolution, the same groups for every tap
// of a larger kernel, or the rows of a kernel on an image of three channels.
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
  float* output;             // contiguous rows of 16 floats
  int64_t output_group;      // floats from one group to the next
  // of the first group, applied before sums are stored; or null
  const Epilogue* epilogue = nullptr;
  const float* residual = nullptr;     // in the layout of the output, added before the activation
  // Memory that finishing the sums will write and read, prefetched while they are computed: rows of
  // 16 floats, with the distances between groups below; or null.
  const float* ahead_output = nullptr;
  const float* ahead_residual = nullptr;
  int64_t ahead_group = 0, ahead_residual_group = 0;
};

// output[group][row][channel] = epilogue(sum over segments and depth + residual). Overwrites the
// output.
void multiply(const Gemm& gemm);

}  // namespace jpegcompile
