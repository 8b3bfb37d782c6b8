// What has to hold of operators on CUDA, by the stand-in for its driver.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "check.h"

namespace jpegcompile::cuda_checks {

// The control of the stand-in that the library uses, of JPEGCOMPILE_LIBCUDA. Throws
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

// Each throws std::runtime_error that says what does not hold.

// The case is launched on the stream, with memory that there is; nothing is left behind. Returns how
// many kernels were launched.
int64_t check_launches(const Case& one, const ort::CustomOp& op);

// Threads that share a kernel, and have their own, launch as many kernels.
void check_threads(const Case& one, const ort::CustomOp& op, int64_t launches);

// Whichever call of the driver fails, alone or with all that follow it, the status names operator,
// node and call in the driver's words, and nothing is left behind.
void check_driver_failures(const Case& one, const ort::CustomOp& op);

// The same of calls of ONNX Runtime's interface.
void check_api_failures(const Case& one, const ort::CustomOp& op);

}  // namespace jpegcompile::cuda_checks
