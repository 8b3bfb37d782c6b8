#include "conv/weights.h"

#include <algorithm>

#include "conv/winograd.h"
#include "tiles/isa.h"
#include "tiles/map.h"

namespace jpegcompile {
namespace {

bool can_be_winograd(const Window& window) {
  return window.kernel_height == 3 && window.kernel_width == 3 && window.stride_y == 1 &&
         window.stride_x == 1 && window.dilation_y == 1 && window.dilation_x == 1 &&
         window.group == 1;
}

Method method_for(const Weights& weights, const std::string& asked) {
  const Window& window = weights.window;
  const bool asks_winograd = asked == "winograd4" || asked == "winograd2";
  const bool is_known = asked.empty() || asked == "direct" || asks_winograd;
  if (!is_known || (asks_winograd && !can_be_winograd(window))) {
    throw KernelError("the method '" + asked + "' does not support this window; compile the"
                      " model again");
  }
  if (window.group == 1 && weights.inputs <= kThinChannels && window.dilation_x == 1) {
    return Method::kThin;
  }
  if (asks_winograd) return asked == "winograd4" ? Method::kWinograd4 : Method::kWinograd2;
  if (asked == "direct" || !can_be_winograd(window)) return Method::kDirect;
  return 36 * weights.outputs * weights.inputs > kMaxWinograd4Floats ? Method::kWinograd2
                                                                      : Method::kWinograd4;
}

// [output groups][kernel rows][kernel columns x inputs][16]
void pack_thin(const float* weight, Weights& weights) {
  const Window& window = weights.window;
  const int64_t taps = window.kernel_height * window.kernel_width;
  float* packed = weights.packed.floats(
      static_cast<size_t>(weights.output_groups() * taps * weights.inputs * kLanes));
  std::fill_n(packed, weights.output_groups() * taps * weights.inputs * kLanes, 0.0F);
  for (int64_t output = 0; output < weights.outputs; ++output) {
    for (int64_t input = 0; input < weights.inputs; ++input) {
      for (int64_t tap = 0; tap < taps; ++tap) {
        const int64_t row = (output / kLanes * taps + tap) * weights.inputs + input;
        packed[row * kLanes + output % kLanes] =
            weight[(output * weights.inputs + input) * taps + tap];
      }
    }
  }
}

// For each output group [input groups][taps][16][16]; zeros where the output group does not read
// the input.
void pack_direct(const float* weight, Weights& weights) {
  const Window& window = weights.window;
  const int64_t taps = window.kernel_height * window.kernel_width;
  size_t total = 0;
  for (int64_t group = 0; group < weights.output_groups(); ++group) {
    Taps reads = taps_of(weights, group);
    reads.weights = total;
    total += static_cast<size_t>(reads.input_groups * taps * kLanes * kLanes);
    weights.taps.push_back(reads);
  }
  float* packed = weights.packed.floats(total);
  std::fill_n(packed, total, 0.0F);
  const int64_t inputs = weights.inputs / window.group;
  const int64_t outputs = weights.outputs / window.group;
  for (int64_t output = 0; output < weights.outputs; ++output) {
    const Taps& reads = weights.taps[static_cast<size_t>(output / kLanes)];
    for (int64_t input = 0; input < inputs; ++input) {
      const int64_t channel =
          output / outputs * inputs + input - reads.first_input_group * kLanes;
      for (int64_t tap = 0; tap < taps; ++tap) {
        const int64_t row = (channel / kLanes * taps + tap) * kLanes + channel % kLanes;
        packed[static_cast<int64_t>(reads.weights) + row * kLanes + output % kLanes] =
            weight[(output * inputs + input) * taps + tap];
      }
    }
  }
}

// [points][output groups][inputs, padded to groups][16]
void pack_winograd(const float* weight, Weights& weights) {
  const int64_t points = weights.points(), outputs = weights.output_groups() * kLanes;
  const int64_t inputs = weights.input_groups() * kLanes;
  float* packed = weights.packed.floats(static_cast<size_t>(points * outputs * inputs));
  std::fill_n(packed, points * outputs * inputs, 0.0F);
  for (int64_t output = 0; output < weights.outputs; ++output) {
    for (int64_t input = 0; input < weights.inputs; ++input) {
      float kernel[9], transformed[36];
      std::copy_n(weight + (output * weights.inputs + input) * 9, 9, kernel);
      transform_kernel(weights.m(), kernel, transformed);
      const int64_t place =
          (output / kLanes * inputs + input) * kLanes + output % kLanes;
      for (int64_t point = 0; point < points; ++point) {
        packed[point * outputs * inputs + place] = transformed[point];
      }
    }
  }
}

}  // namespace

Taps taps_of(const Weights& weights, int64_t output_group) {
  const int64_t inputs = weights.inputs / weights.window.group;
  const int64_t outputs = weights.outputs / weights.window.group;
  const int64_t first_output = output_group * kLanes;
  const int64_t last_output = std::min(first_output + kLanes, weights.outputs) - 1;
  const int64_t first = first_output / outputs * inputs / kLanes;
  const int64_t last = ((last_output / outputs + 1) * inputs - 1) / kLanes;
  return {first, last - first + 1, 0};
}

Weights described(const Tensor& weight, const Window& window) {
  const Map extents = Map::of(weight.shape, 1, "weight");
  if (extents.is_empty()) {
    throw KernelError("weights of shape " + weight.shape.text() + " have no elements");
  }
  if (window.group < 1 || weight.shape[0] % window.group != 0) {
    throw KernelError("weights of shape " + weight.shape.text() + " do not divide into " +
                      std::to_string(window.group) + " groups");
  }
  Weights weights;
  weights.window = window;
  weights.window.kernel_height = weight.shape[2];
  weights.window.kernel_width = weight.shape[3];
  weights.outputs = weight.shape[0];
  weights.inputs = weight.shape[1] * window.group;
  return weights;
}

Weights pack(const Tensor& weight, const Window& window, const std::string& method) {
  Weights weights = described(weight, window);
  weights.method = method_for(weights, method);
  switch (weights.method) {
    case Method::kThin:
      pack_thin(weight.floats(), weights);
      break;
    case Method::kDirect:
      pack_direct(weight.floats(), weights);
      break;
    case Method::kWinograd4:
    case Method::kWinograd2:
      pack_winograd(weight.floats(), weights);
      break;
  }
  weights.data = weights.packed.data();
  return weights;
}

}  // namespace jpegcompile
