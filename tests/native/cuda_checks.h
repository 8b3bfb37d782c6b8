// Checks of operators on CUDA, with the stand-in for the driver.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "check.h"

namespace jpegcompile::cuda_checks {

// Control functions of the stand-in driver that the library uses, JPEGCOMPILE_LIBCUDA. Throws
// std::runtime_error if that is another library.
struct Driver {
  Driver();

  const char* (*log)();
  void (*forget)();
  int64_t (*fail)(int64_t n, int all);
  int64_t (*alive)();
  int64_t (*wrong)();
};
const Driver& driver();

// Whether the library leaves a case to the CPU.
bool is_declined(const Case& one, const ort::CustomOp& op);

// Each throws std::runtime_error with a description of the failure.

// The case is launched on its stream, with valid memory, and leaks nothing. Returns how many
// kernels were launched.
int64_t check_launches(const Case& one, const ort::CustomOp& op);

// Threads that share a kernel, and threads with kernels of their own, launch as many kernels.
void check_threads(const Case& one, const ort::CustomOp& op, int64_t launches);

// Whichever call of the driver fails, alone or with all later ones, the status names operator, node
// and call in the driver's words, and nothing leaks.
void check_driver_failures(const Case& one, const ort::CustomOp& op);

// The same for calls of ONNX Runtime's interface.
void check_api_failures(const Case& one, const ort::CustomOp& op);

}  // namespace jpegcompile::cuda_checks
