// Operators as the runtime knows them.
#pragma once

#include <memory>
#include <vector>

#include "cuda/runtime.h"
#include "ort/abi.h"
#include "ort/definition.h"

namespace jpegcompile {

// The runtime's description of an operator, which is handed back to every function of it.
struct Registered : ort::CustomOp {
  explicit Registered(const Definition& described);
  const Definition& definition;
  const cuda::Runtime* cuda = nullptr;  // by which its kernels run, if they run on CUDA
};

// All operators, made once: those of the CPU, and behind them those of CUDA, if there is a runtime;
// those whose nodes bring a program only if its compiled kernels have programs of a model's own. Never
// released: a session may be in use until the process ends, behind the end of `main`.
const std::vector<std::unique_ptr<Registered>>& registered(const cuda::Runtime* runtime);

}  // namespace jpegcompile
