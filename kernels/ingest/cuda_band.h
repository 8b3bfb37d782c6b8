// The bands of an ingest's matrices on CUDA (kernels/ingest/launch.py).
#pragma once

#include "common/axis_operand.h"
#include "common/cuda_band.h"

namespace jpegcompile {

// Pixels of a side that a program makes: the outputs of a group.
inline constexpr int64_t kSideOnCuda = 16;

// The band of a matrix. Windows are powers of two, from 16 on, and begin with a block. A matrix
// whose outputs are in blocks of `block` is taken to pixels; of block size 1 it stays what it is.
AxisBand ingest_band(const Tensor& matrix, AxisOperand::Side side, int block);

}  // namespace jpegcompile
