#include "cuda/runtime.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <utility>

namespace jpegcompile::cuda {
namespace {

constexpr const char* kCubinsName = "jpegcompile.cubins";
// Majors of which code for one minor runs on later ones; code for others is for one chip alone.
constexpr int64_t kCompatibleMajor = 8;

// The file that JPEGCOMPILE_CUBINS names, or else the one beside this library.
std::string cubins_path() {
  const char* asked = std::getenv("JPEGCOMPILE_CUBINS");
  if (asked != nullptr && *asked != '\0') return asked;
  Dl_info here{};
  if (dladdr(reinterpret_cast<const void*>(&runtime), &here) == 0 || here.dli_fname == nullptr) {
    return kCubinsName;
  }
  const std::string library = here.dli_fname;
  const size_t slash = library.rfind('/');
  return slash == std::string::npos ? kCubinsName : library.substr(0, slash + 1) + kCubinsName;
}

int attribute(const Driver& driver, int which, Device device) {
  int value = 0;
  driver.get_attribute(&value, which, device);
  return value;
}

// The best architecture of a file for a device of that compute capability; 0 if there is none.
int64_t arch_for(const CubinFile& cubins, int64_t capability) {
  int64_t best = 0;
  for (const Cubin& one : cubins.cubins()) {
    const bool runs = one.arch == capability ||
                      (capability / 10 == kCompatibleMajor && one.arch / 10 == kCompatibleMajor &&
                       one.arch < capability);
    if (runs) best = std::max(best, one.arch);
  }
  return best;
}

std::string archs_of(const CubinFile& cubins) {
  std::string text;
  int64_t last = 0;
  for (const Cubin& one : cubins.cubins()) {
    if (one.arch != last) text += (text.empty() ? "sm_" : ", sm_") + std::to_string(one.arch);
    last = one.arch;
  }
  return text.empty() ? "none" : text;
}

struct Decision {
  std::unique_ptr<Runtime> runtime;
  std::string status;
};

Decision decide() {
  try {
    auto made = std::make_unique<Runtime>(Driver::path(), cubins_path());
    std::string status = "CUDA: " + made->summary();
    return {std::move(made), std::move(status)};
  } catch (const std::exception& error) {
    return {nullptr, std::string("no CUDA: ") + error.what()};
  }
}

// Never released: a session may be in use until the process ends, behind the end of `main`.
const Decision& decision() {
  static const Decision& made = *std::make_unique<Decision>(decide()).release();
  return made;
}

}  // namespace

Runtime::Runtime(const std::string& driver, const std::string& cubins)
    : driver_(driver), cubins_(cubins) {
  // Which takes a while, and is left out where there is nothing to launch.
  driver_.init(0);
  driver_.get_version(&version_);
  Device first = 0;
  driver_.get_device(&first, 0);
  find_chips();
}

void Runtime::find_chips() {
  std::string others;
  constexpr int kMostDevices = 64;
  for (int ordinal = 0; ordinal < kMostDevices; ++ordinal) {
    Chip chip;
    if (driver_.get_device.attempt(&chip.device, ordinal) != 0) break;
    const int64_t capability = 10 * attribute(driver_, kComputeCapabilityMajor, chip.device) +
                               attribute(driver_, kComputeCapabilityMinor, chip.device);
    chip.arch = arch_for(cubins_, capability);
    if (chip.arch == 0) {
      others += (others.empty() ? "sm_" : ", sm_") + std::to_string(capability);
      continue;
    }
    chip.multiprocessors = std::max(attribute(driver_, kMultiprocessorCount, chip.device), 1);
    chip.shared_bytes = attribute(driver_, kMostSharedBytesOptIn, chip.device);
    const bool is_checked = std::ranges::find(chips_, chip.arch, &Chip::arch) != chips_.end();
    if (!is_checked) cubins_.check(chip.arch);
    chips_.push_back(chip);
  }
  if (chips_.empty()) {
    throw KernelError(cubins_.path() + ": has kernels for " + archs_of(cubins_) +
                      ", the device is " + others + "; compile the kernels for it");
  }
}

const Chip& Runtime::chip(Device device) const {
  const auto found = std::ranges::find(chips_, device, &Chip::device);
  if (found == chips_.end()) {
    throw KernelError(cubins_.path() + ": has no kernels for device " + std::to_string(device) +
                      "; compile the kernels for it");
  }
  return *found;
}

std::string Runtime::summary() const {
  return "sm_" + std::to_string(chips_.front().arch) + ", driver " +
         std::to_string(version_ / 1000) + "." + std::to_string(version_ % 1000 / 10) +
         ", kernels in " + cubins_.path();
}

const Runtime* runtime() { return decision().runtime.get(); }

const std::string& status() { return decision().status; }

}  // namespace jpegcompile::cuda
