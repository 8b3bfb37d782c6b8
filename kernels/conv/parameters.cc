#include "parameters.h"

#include <algorithm>
#include <string>

namespace jpegcompile {
namespace {

float scalar(const Tensor& tensor, const char* name) {
  if (tensor.shape.elements() != 1) {
    throw KernelError(std::string(name) + " has shape " + tensor.shape.text() +
                      ", one value is needed");
  }
  return tensor.floats()[0];
}

// Beyond any map, and such that what is computed from it stays within 64 bits.
constexpr int64_t kMost = int64_t{1} << 20;

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

std::vector<float> channel_values(const Tensor& tensor, int64_t channels, const char* name) {
  const int64_t count = tensor.shape.elements();
  if (count != 1 && count != channels) {
    throw KernelError(std::string(name) + " has shape " + tensor.shape.text() + " for " +
                      std::to_string(channels) + " channels");
  }
  std::vector<float> values(static_cast<size_t>((channels + kLanes - 1) / kLanes * kLanes), 0.0F);
  for (int64_t channel = 0; channel < channels; ++channel) {
    values[static_cast<size_t>(channel)] = tensor.floats()[count == 1 ? 0 : channel];
  }
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

void read_activation(const Call& call, Activation activation, size_t first, int64_t channels,
                     std::vector<float>& slope, Epilogue& epilogue) {
  epilogue.activation = activation;
  if (activation == Activation::kPRelu) {
    slope = channel_values(call.input(first), channels, "slope");
    epilogue.slope = slope.data();
  } else if (activation == Activation::kClip) {
    epilogue.low = scalar(call.input(first), "low");
    epilogue.high = scalar(call.input(first + 1), "high");
  }
}

}  // namespace jpegcompile
