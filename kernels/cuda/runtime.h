// Whether kernels can run on CUDA here, decided once for the process.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cuda/contexts.h"
#include "cuda/cubins.h"
#include "cuda/driver.h"

namespace jpegcompile::cuda {

// A device that there are compiled kernels for.
struct Chip {
  Device device = 0;
  int64_t arch = 0;             // of the cubins that it runs
  int64_t multiprocessors = 1;
  int64_t shared_bytes = 0;     // that a program may take
};

// Opens driver and cubins.
class Runtime {
 public:
  // Throws KernelError, in one line, where there is no driver, no device, or no cubins for any.
  Runtime(const std::string& driver, const std::string& cubins);

  const Driver& driver() const { return driver_; }
  const CubinFile& cubins() const { return cubins_; }
  Contexts& contexts() const { return contexts_; }
  // Throws KernelError for a device without cubins.
  const Chip& chip(Device device) const;
  // "sm_90 (driver 13.0), kernels in FILE"
  std::string summary() const;

 private:
  void find_chips();

  Driver driver_;
  int version_ = 0;
  std::vector<Chip> chips_;
  CubinFile cubins_;
  mutable Contexts contexts_{driver_};
};

// That of the process; null where kernels cannot run on CUDA. Never released.
const Runtime* runtime();
// Why there is none, or what there is, in one line.
const std::string& status();

}  // namespace jpegcompile::cuda
