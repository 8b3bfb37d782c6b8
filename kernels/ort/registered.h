// Operators in the form that ONNX Runtime registers.
#pragma once

#include <memory>
#include <vector>

#include "cuda/runtime.h"
#include "ort/abi.h"
#include "ort/definition.h"

namespace jpegcompile {

// ONNX Runtime's description of an operator. The runtime passes it to each of its functions.
struct Registered : ort::CustomOp {
  explicit Registered(const Definition& described);
  const Definition& definition;
  const cuda::Runtime* cuda = nullptr;  // null for kernels on the CPU
};

// All operators, created once: first for the CPU, then for CUDA if `runtime` is not null. Operators
// whose nodes contain a program are included on CUDA only if the compiled kernels include programs
// of a model. The list is never destroyed, because sessions may still run after `main` ends.
const std::vector<std::unique_ptr<Registered>>& registered(const cuda::Runtime* runtime);

}  // namespace jpegcompile
