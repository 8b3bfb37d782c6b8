// Inputs that CUDA kernels read on the host.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "cuda/views.h"
#include "ort/cuda_kernel.h"
#include "tiles/broadcast.h"

namespace jpegcompile {

// A constant is copied at session creation; a computed input is read at every call.
class HostOperand {
 public:
  HostOperand(const Node& node, In input) : input_(input) {
    const std::optional<Tensor> constant = node.constant(input);
    if (!constant) return;
    shape_ = constant->shape;
    values_.emplace(constant->floats(), constant->floats() + constant->shape.elements());
  }

  bool is_constant() const { return values_.has_value(); }
  Tensor of(const CudaCall& call) const {
    if (!values_) return call.host_input(input_);
    return {shape_, ElementType::kFloat, values_->data()};
  }

 private:
  In input_;
  Shape shape_;
  std::optional<std::vector<float>> values_;
};

// Copies one number per channel of x into a row of constants. Throws KernelError for an operand
// whose numbers differ between pixels or images.
inline void put_channels(const Tensor& operand, const Map& x, In name, float* row) {
  const Broadcast numbers(operand, x, name_of(name));
  if (!numbers.is_flat() || !numbers.is_for_all_images()) {
    throw KernelError(std::string(name_of(name)) + " of shape " + operand.shape.text() +
                      " varies within a channel or image, which GPU kernels do not support; run"
                      " the model on the CPU");
  }
  for (int64_t channel = 0; channel < x.channels; ++channel) row[channel] = numbers.at(0, channel);
}

// The bounds of Clip as the constants of its program, [2, channels].
inline std::vector<float> bounds(const CudaCall& call, const HostOperand& low,
                                 const HostOperand& high, int64_t channels) {
  const int64_t stored = cuda::padded(channels);
  std::vector<float> values(static_cast<size_t>(2 * stored));
  std::fill_n(values.begin(), stored, number(low.of(call), name_of(In::kLow)));
  std::fill_n(values.begin() + stored, stored, number(high.of(call), name_of(In::kHigh)));
  return values;
}

}  // namespace jpegcompile
