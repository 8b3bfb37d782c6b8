// Inputs that an ingest with its convolution takes from the model alone.
#pragma once

#include <optional>
#include <string>

#include "ort/kernel.h"

namespace jpegcompile {

// Throws KernelError if the graph computes the input.
inline Tensor constant_input(const Node& node, In input) {
  const std::optional<Tensor> value = node.constant(input);
  if (!value) {
    throw KernelError("its weights and matrices must be constants in the model; input " +
                      std::to_string(node.definition().place(input)) + " is computed");
  }
  return *value;
}

}  // namespace jpegcompile
