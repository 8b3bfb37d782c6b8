// Inputs that kernels for CUDA read on the host.
#pragma once

#include <optional>
#include <vector>

#include "ort/cuda_kernel.h"

namespace jpegcompile {

// Kept where it is a constant, read at every call where the graph computes it.
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

}  // namespace jpegcompile
