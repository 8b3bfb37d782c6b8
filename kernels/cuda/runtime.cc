#include "cuda/runtime.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <map>
#include <mutex>
#include <set>
#include <sstream>
#include <utility>

namespace jpegcompile::cuda {
namespace {

constexpr const char* kCubinsName = "jpegcompile.cubins";
// Code for a minor version of this major version also runs on its later minor versions. Code for
// other major versions runs only on its own version.
constexpr int64_t kCompatibleMajor = 8;

// The file next to this library.
std::string own_cubins() {
  Dl_info here{};
  if (dladdr(reinterpret_cast<const void*>(&decision), &here) == 0 || here.dli_fname == nullptr) {
    return kCubinsName;
  }
  const std::string library = here.dli_fname;
  const size_t slash = library.rfind('/');
  return slash == std::string::npos ? kCubinsName : library.substr(0, slash + 1) + kCubinsName;
}

std::vector<std::string> split(const std::string& paths) {
  std::vector<std::string> found;
  std::istringstream stream(paths);
  for (std::string path; std::getline(stream, path, kPathSeparator);) {
    if (!path.empty()) found.push_back(path);
  }
  return found;
}

std::vector<std::string> files_of(const std::string& paths) {
  const char* asked = std::getenv("JPEGCOMPILE_CUBINS");
  auto found = split(paths.empty() && asked != nullptr ? asked : paths);
  if (found.empty()) found.push_back(own_cubins());
  return found;
}

int attribute(const Driver& driver, int which, Device device) {
  int value = 0;
  driver.get_attribute(&value, which, device);
  return value;
}

// The best of these architectures for a device of this compute capability; 0 if none runs on it.
int64_t arch_for(const std::set<int64_t>& archs, int64_t capability) {
  int64_t best = 0;
  for (const int64_t arch : archs) {
    const bool runs = arch == capability ||
                      (capability / 10 == kCompatibleMajor && arch / 10 == kCompatibleMajor &&
                       arch < capability);
    if (runs) best = std::max(best, arch);
  }
  return best;
}

std::string text_of(const std::set<int64_t>& archs) {
  std::string text;
  for (const int64_t arch : archs) text += (text.empty() ? "sm_" : ", sm_") + std::to_string(arch);
  return text.empty() ? "none" : text;
}

int64_t capability_of(const Driver& driver, Device device) {
  return 10 * attribute(driver, kComputeCapabilityMajor, device) +
         attribute(driver, kComputeCapabilityMinor, device);
}

Decision decide(const std::string& paths) {
  try {
    auto made = std::make_unique<Runtime>(Driver::path(), files_of(paths));
    std::string status = "CUDA: " + made->summary();
    return {std::move(made), std::move(status)};
  } catch (const std::exception& error) {
    return {nullptr, std::string("no CUDA: ") + error.what()};
  }
}

}  // namespace

Runtime::Runtime(const std::string& driver, const std::vector<std::string>& cubins)
    : driver_(driver), cubins_(cubins) {
  // Initialization is slow, so it runs only after the files of kernels have been found.
  driver_.init(0);
  driver_.get_version(&version_);
  Device first = 0;
  driver_.get_device(&first, 0);
  find_chips();
}

void Runtime::find_chips() {
  std::string others;
  const std::set<int64_t> archs = cubins_.archs();
  constexpr int kMaxDevices = 64;
  for (int ordinal = 0; ordinal < kMaxDevices; ++ordinal) {
    Chip chip;
    if (driver_.get_device.attempt(&chip.device, ordinal) != 0) break;
    const int64_t capability = capability_of(driver_, chip.device);
    chip.arch = arch_for(archs, capability);
    if (chip.arch == 0) {
      others += (others.empty() ? "sm_" : ", sm_") + std::to_string(capability);
      continue;
    }
    chip.multiprocessors = std::max(attribute(driver_, kMultiprocessorCount, chip.device), 1);
    chip.shared_bytes = attribute(driver_, kMaxSharedBytesOptIn, chip.device);
    const bool is_checked = std::ranges::find(chips_, chip.arch, &Chip::arch) != chips_.end();
    if (!is_checked) cubins_.check(chip.arch);
    chips_.push_back(chip);
  }
  if (chips_.empty()) {
    throw KernelError(cubins_.path() + ": contains kernels for " + text_of(archs) +
                      ", the device is " + others + "; compile the kernels for it");
  }
}

const Chip& Runtime::chip(Device device) const {
  const auto found = std::ranges::find(chips_, device, &Chip::device);
  if (found == chips_.end()) {
    throw KernelError(cubins_.path() + ": contains no kernels for device " +
                      std::to_string(device) + "; compile the kernels for it");
  }
  return *found;
}

std::string Runtime::summary() const {
  return "sm_" + std::to_string(chips_.front().arch) + ", driver " +
         std::to_string(version_ / 1000) + "." + std::to_string(version_ % 1000 / 10) +
         ", kernels in " + cubins_.path();
}

const Decision& decision(const std::string& paths) {
  static std::mutex mutex;
  static auto& made = *std::make_unique<std::map<std::string, Decision>>().release();
  const std::scoped_lock lock(mutex);
  const auto known = made.find(paths);
  return known != made.end() ? known->second : made.emplace(paths, decide(paths)).first->second;
}

std::string first_device() {
  try {
    const Driver driver(Driver::path());
    driver.init(0);
    Device device = 0;
    driver.get_device(&device, 0);
    return "sm_" + std::to_string(capability_of(driver, device));
  } catch (const std::exception& error) {
    return std::string("no CUDA: ") + error.what();
  }
}

}  // namespace jpegcompile::cuda
