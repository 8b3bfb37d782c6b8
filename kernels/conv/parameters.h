// What the operators of convolutions read from nodes and calls, besides maps.
#pragma once

#include <optional>
#include <vector>

#include "conv/finish.h"
#include "conv/weights.h"
#include "ort/kernel.h"
#include "tiles/map.h"
#include "work/workspace.h"

namespace jpegcompile {

// The attributes strides, pads, dilations and group, of a convolution without strides and pads the
// last alone; the kernel's size is in the weights. Throws KernelError for attributes that mean
// nothing.
Window window_of(const Node& node);
Window window_of_form(const Node& node);

// The map that a convolution makes of another, in whole blocks. Throws KernelError, which calls the
// other by its name, if there is none.
Shape output_shape(const Weights& weights, const Map& input, int output_block, const char* name);

// Copies one value for each channel, or one for all, and fills whole groups with zeros.
void put_channels(const Tensor& tensor, int64_t channels, const char* name, float* to);

// An input of one value for each channel, or one for all: prepared where it is a constant, and read
// at every call where the graph computes it.
class ChannelOperand {
 public:
  // `channels` is 0 where only calls tell how many there are.
  ChannelOperand(const Node& node, In input, int64_t channels);

  // The values, filled up to whole groups with zeros; `memory` holds those that are read.
  const float* of(const Call& call, int64_t channels, std::optional<Workspace>& memory) const;

 private:
  In input_;
  std::vector<float> prepared_;
};

// What the activation of an operator takes: the slope of PRelu, the bounds of Clip.
class ActivationOperands {
 public:
  ActivationOperands(const Node& node, int64_t channels);

  // Completes an epilogue, which may point into `memory` from then on.
  void put(const Call& call, int64_t channels, std::optional<Workspace>& memory,
           Epilogue& epilogue) const;

 private:
  Activation activation_;
  std::optional<ChannelOperand> slope_;
};

}  // namespace jpegcompile
