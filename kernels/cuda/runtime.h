// Whether kernels can run on CUDA here, decided once for the process and files of compiled kernels.
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
  std::unique_ptr<Runtime> runtime;  // null where kernels cannot run on CUDA
  std::string status;                // why there is none, or what there is, in one line
};

// By the files of compiled kernels at these paths; without any, by those that JPEGCOMPILE_CUBINS
// names, or else the one beside this library. Never released: a session may be in use until the
// process ends, behind the end of `main`.
const Decision& decision(const std::string& paths);

// The first device as "sm_90", or "no CUDA: " and the reason in one line.
std::string first_device();

}  // namespace jpegcompile::cuda
