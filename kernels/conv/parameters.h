// Attributes and operands of convolutions, other than maps.
#pragma once

#include <optional>
#include <vector>

#include "conv/finish.h"
#include "conv/weights.h"
#include "ort/kernel.h"
#include "tiles/map.h"
#include "work/workspace.h"

namespace jpegcompile {

// Return the attributes strides, pads, dilations and group; operators without strides and pads only
// have group. The kernel's size comes from the weights. Throw KernelError for invalid attributes.
Window window_of(const Node& node);
Window window_of_form(const Node& node);

// Returns the shape of the output of a convolution, which consists of whole blocks. Throws
// KernelError if there is no such output; the message calls the input `name`.
Shape output_shape(const Weights& weights, const Map& input, int output_block, const char* name);

// Copies one value per channel, or one value for all, and pads whole groups with zeros.
void put_channels(const Tensor& tensor, int64_t channels, const char* name, float* to);

// An input with one value per channel, or one for all. Constants are prepared once; computed inputs
// are read at every call.
class ChannelOperand {
 public:
  // `channels` is 0 if it is known only at a call.
  ChannelOperand(const Node& node, In input, int64_t channels);

  // Returns the values, padded to whole groups with zeros. `memory` stores values that are read at
  // this call.
  const float* of(const Call& call, int64_t channels, std::optional<Workspace>& memory) const;

 private:
  In input_;
  std::vector<float> prepared_;
};

// Operands of an activation: the slope of PRelu, the bounds of Clip.
class ActivationOperands {
 public:
  ActivationOperands(const Node& node, int64_t channels);

  // Completes an epilogue, which may then point into `memory`.
  void put(const Call& call, int64_t channels, std::optional<Workspace>& memory,
           Epilogue& epilogue) const;

 private:
  Activation activation_;
  std::optional<ChannelOperand> slope_;
};

}  // namespace jpegcompile
