#include "parameters.h"

#include <algorithm>
#include <string>

namespace jpegcompile {
namespace {

int64_t whole_groups(int64_t channels) { return (channels + kLanes - 1) / kLanes * kLanes; }

float scalar(const Tensor& tensor, const char* name) {
  if (tensor.shape.elements() != 1) {
    throw KernelError(std::string(name) + " has shape " + tensor.shape.text() +
                      ", one value is needed");
  }
  return tensor.floats()[0];
}

// Beyond any map, and such that what is computed from it stays within 64 bits.
constexpr int64_t kMost = int64_t{1} << 20;

// Of one value for each channel, or one for all, to whole groups.
void put_channels(const Tensor& tensor, int64_t channels, const char* name, float* to) {
  const int64_t count = tensor.shape.elements();
  if (count != 1 && count != channels) {
    throw KernelError(std::string(name) + " has shape " + tensor.shape.text() + " for " +
                      std::to_string(channels) + " channels");
  }
  for (int64_t channel = 0; channel < channels; ++channel) {
    to[channel] = tensor.floats()[count == 1 ? 0 : channel];
  }
  std::fill(to + channels, to + whole_groups(channels), 0.0F);
}

bool are_within(const std::vector<int64_t>& values, int64_t least) {
  return std::ranges::all_of(values, [&](int64_t v) { return v >= least && v <= kMost; });
}

}  // namespace

Window window_of(const Node& node) {
  Window window;
  window.group = node.integer("group");
  const auto strides = node.integers("strides"), pads = node.integers("pads");
  const auto dilations = node.integers("dilations");
  if (strides.size() != 2 || pads.size() != 4 || dilations.size() != 2) {
    throw KernelError("strides, pads and dilations must have 2, 4 and 2 values");
  }
  if (!are_within(strides, 1) || !are_within(dilations, 1) || !are_within(pads, 0)) {
    throw KernelError("strides and dilations must be from 1 and pads from 0 to " +
                      std::to_string(kMost));
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

ChannelOperand::ChannelOperand(const Node& node, size_t input, int64_t channels, const char* name)
    : input_(input), name_(name) {
  const std::optional<Tensor> constant = channels > 0 ? node.constant(input) : std::nullopt;
  if (!constant) return;
  prepared_.resize(static_cast<size_t>(whole_groups(channels)));
  put_channels(*constant, channels, name, prepared_.data());
}

const float* ChannelOperand::of(const Call& call, int64_t channels,
                                std::optional<Workspace>& memory) const {
  if (!prepared_.empty()) return prepared_.data();
  float* values = memory.emplace().floats(static_cast<size_t>(whole_groups(channels)));
  put_channels(call.input(input_), channels, name_, values);
  return values;
}

size_t operand_count(Activation activation) {
  switch (activation) {
    case Activation::kPRelu:
      return 1;
    case Activation::kClip:
      return 2;
    default:
      return 0;
  }
}

ActivationOperands::ActivationOperands(const Node& node, Activation activation, size_t first,
                                       int64_t channels)
    : activation_(activation), first_(first) {
  if (activation == Activation::kPRelu) slope_.emplace(node, first, channels, "slope");
}

void ActivationOperands::put(const Call& call, int64_t channels, std::optional<Workspace>& memory,
                             Epilogue& epilogue) const {
  epilogue.activation = activation_;
  if (slope_) epilogue.slope = slope_->of(call, channels, memory);
  if (activation_ != Activation::kClip) return;
  epilogue.low = scalar(call.input(first_), "low");
  epilogue.high = scalar(call.input(first_ + 1), "high");
}

}  // namespace jpegcompile
