// Bands of an ingest's matrices on CUDA (kernels/ingest/launch.py).
#pragma once

#include "common/axis_operand.h"
#include "common/cuda_band.h"

namespace jpegcompile {

// Side in pixels of the square that a program computes: the outputs of a group.
inline constexpr int64_t kSideOnCuda = 16;

// Returns the band of a matrix. Windows are powers of two, at least 16, and begin with a block. If
// the matrix's outputs are blocks of size `block` > 1, they are converted to pixels.
AxisBand ingest_band(const Tensor& matrix, AxisOperand::Side side, int block);

}  // namespace jpegcompile
