// What the operators of convolutions read from nodes and calls, besides maps.
#pragma once

#include <vector>

#include "../native/operator.h"
#include "finish.h"
#include "weights.h"

namespace jpegcompile {

// The attributes strides, pads, dilations and group; the kernel's size is in the weights. Throws
// KernelError for attributes that mean nothing.
Window window_of(const Node& node);

// One value for each channel, filled up to whole groups with zeros.
std::vector<float> channel_values(const Tensor& tensor, int64_t channels, const char* name);

// Operands of an activation, in order: the slope of PRelu, the bounds of Clip.
size_t operand_count(Activation activation);

// Completes an epilogue by an activation and its operands, the inputs from `first` on; `slope`
// holds what the epilogue points to.
void read_activation(const Call& call, Activation activation, size_t first, int64_t channels,
                     std::vector<float>& slope, Epilogue& epilogue);

}  // namespace jpegcompile
