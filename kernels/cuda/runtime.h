// Whether kernels can run on CUDA on this machine; decided once per process and set of kernel
// files.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cuda/contexts.h"
#include "cuda/cubins.h"
#include "cuda/driver.h"

namespace jpegcompile::cuda {

// A device that has compiled kernels.
struct Chip {
  Device device = 0;
  int64_t arch = 0;             // architecture of the cubins that run on it
  int64_t multiprocessors = 1;
  int64_t shared_bytes = 0;     // maximum for one program
};

// Opens the driver and the files of compiled kernels.
class Runtime {
 public:
  // Throws KernelError, in one line, if there is no driver, no device, or no cubin for any device.
  Runtime(const std::string& driver, const std::vector<std::string>& cubins);

  const Driver& driver() const { return driver_; }
  const CubinFiles& cubins() const { return cubins_; }
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
  CubinFiles cubins_;
  mutable Contexts contexts_{driver_};
};

// Separates the paths of several files.
inline constexpr char kPathSeparator = ':';

struct Decision {
  std::unique_ptr<Runtime> runtime;  // null if kernels cannot run on CUDA
  std::string status;                // what was found, or why kernels cannot run; one line
};

// Decides for the kernel files at these paths. Without paths, uses JPEGCOMPILE_CUBINS or else the
// file next to this library. The result is never destroyed, because sessions may still run after
// `main` ends.
const Decision& decision(const std::string& paths);

// Returns the first device such as "sm_90", or "no CUDA: " and the reason, in one line.
std::string first_device();

}  // namespace jpegcompile::cuda
