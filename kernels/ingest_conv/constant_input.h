// Inputs of an ingest with a convolution that must be constants of the model.
#pragma once

#include <optional>
#include <string>

#include "ort/kernel.h"

namespace jpegcompile {

// Throws KernelError if the graph computes the input.
inline Tensor constant_input(const Node& node, In input) {
  const std::optional<Tensor> value = node.constant(input);
  if (!value) {
    throw KernelError("input " + std::to_string(node.definition().place(input)) +
                      " is computed; weights and matrices must be constants of the model");
  }
  return *value;
}

}  // namespace jpegcompile
