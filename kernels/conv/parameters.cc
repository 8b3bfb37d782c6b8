#include "conv/parameters.h"

#include <algorithm>
#include <string>

namespace jpegcompile {
namespace {

int64_t whole_groups(int64_t channels) { return (channels + kLanes - 1) / kLanes * kLanes; }

float scalar(const Tensor& tensor, const char* name) {
  if (tensor.shape.elements() != 1) {
    throw KernelError(std::string(name) + " has shape " + tensor.shape.text() +
                      "; it must be one number");
  }
  return tensor.floats()[0];
}

// Larger than any map, and small enough that sizes computed from it fit into 64 bits.
constexpr int64_t kMax = int64_t{1} << 20;

bool are_within(const std::vector<int64_t>& values, int64_t least) {
  return std::ranges::all_of(values, [&](int64_t v) { return v >= least && v <= kMax; });
}

}  // namespace

void put_channels(const Tensor& tensor, int64_t channels, const char* name, float* to) {
  const int64_t count = tensor.shape.elements();
  if (count != 1 && count != channels) {
    throw KernelError(std::string(name) + " has shape " + tensor.shape.text() +
                      "; it must have 1 or " + std::to_string(channels) + " elements");
  }
  for (int64_t channel = 0; channel < channels; ++channel) {
    to[channel] = tensor.floats()[count == 1 ? 0 : channel];
  }
  std::fill(to + channels, to + whole_groups(channels), 0.0F);
}

Window window_of_form(const Node& node) {
  if (node.definition().base != Base::kJpegPointwiseConv) return window_of(node);
  Window window;
  window.group = node.integer("group");
  return window;
}

Window window_of(const Node& node) {
  Window window;
  window.group = node.integer("group");
  const auto strides = node.integers("strides"), pads = node.integers("pads");
  const auto dilations = node.integers("dilations");
  if (strides.size() != 2 || pads.size() != 4 || dilations.size() != 2) {
    throw KernelError("strides, pads and dilations must have 2, 4 and 2 values");
  }
  if (!are_within(strides, 1) || !are_within(dilations, 1) || !are_within(pads, 0)) {
    throw KernelError("strides and dilations must be at least 1, pads at least 0, all at most " +
                      std::to_string(kMax));
  }
  window.stride_y = strides[0];
  window.stride_x = strides[1];
  window.top = pads[0];
  window.left = pads[1];
  window.bottom = pads[2];
  window.right = pads[3];
  window.dilation_y = dilations[0];
  window.dilation_x = dilations[1];
  return window;
}

Shape output_shape(const Weights& weights, const Map& input, int output_block, const char* name) {
  // The text is built only if there is an error.
  const auto given = [&] { return std::string(name) + " of shape " + input.shape().text(); };
  const Window& window = weights.window;
  const int64_t height = window.output_height(input.height);
  const int64_t width = window.output_width(input.width);
  if (input.channels != weights.inputs) {
    throw KernelError(std::string(name) + " has shape " + input.shape().text() +
                      ", but the weights are for " + std::to_string(weights.inputs) + " channels");
  }
  if (height < 1 || width < 1) {
    throw KernelError("the window of " + std::to_string(window.kernel_height) + "x" +
                      std::to_string(window.kernel_width) + " exceeds the padded " + given());
  }
  if (height % output_block != 0 || width % output_block != 0) {
    throw KernelError("the output of " + given() + " does not consist of whole blocks of " +
                      std::to_string(output_block));
  }
  return {input.batch, weights.outputs, height, width};
}

ChannelOperand::ChannelOperand(const Node& node, In input, int64_t channels) : input_(input) {
  const std::optional<Tensor> constant = channels > 0 ? node.constant(input) : std::nullopt;
  if (!constant) return;
  prepared_.resize(static_cast<size_t>(whole_groups(channels)));
  put_channels(*constant, channels, name_of(input), prepared_.data());
}

const float* ChannelOperand::of(const Call& call, int64_t channels,
                                std::optional<Workspace>& memory) const {
  if (!prepared_.empty()) return prepared_.data();
  float* values = memory.emplace().floats(static_cast<size_t>(whole_groups(channels)));
  put_channels(call.input(input_), channels, name_of(input_), values);
  return values;
}

ActivationOperands::ActivationOperands(const Node& node, int64_t channels)
    : activation_(node.definition().activation) {
  if (activation_ == Activation::kPRelu) slope_.emplace(node, In::kSlope, channels);
}

void ActivationOperands::put(const Call& call, int64_t channels, std::optional<Workspace>& memory,
                             Epilogue& epilogue) const {
  epilogue.activation = activation_;
  if (slope_) epilogue.slope = slope_->of(call, channels, memory);
  if (activation_ != Activation::kClip) return;
  epilogue.low = scalar(call.input(In::kLow), name_of(In::kLow));
  epilogue.high = scalar(call.input(In::kHigh), name_of(In::kHigh));
}

}  // namespace jpegcompile
