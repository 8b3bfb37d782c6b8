#include "cuda/driver.h"

#include <dlfcn.h>

#include <cstdlib>

namespace jpegcompile::cuda {

std::string Driver::path() {
  const char* asked = std::getenv("JPEGCOMPILE_LIBCUDA");
  return asked != nullptr && *asked != '\0' ? asked : "libcuda.so.1";
}

// NOLINTNEXTLINE: the members are functions that look themselves up in the library.
Driver::Driver(const std::string& path) : library_(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {}

void* Driver::find(const char* symbol) const {
  // A missing library is reported when the first function is looked up.
  if (library_ == nullptr) {
    const char* cause = dlerror();
    throw KernelError(std::string("the CUDA driver cannot be opened: ") +
                      (cause == nullptr ? "unknown cause" : cause));
  }
  void* found = dlsym(library_, symbol);
  if (found == nullptr) {
    throw KernelError(std::string("the CUDA driver has no ") + symbol + "; update the driver");
  }
  return found;
}

std::string Driver::words(Result result) const {
  const char* name = nullptr;
  const char* text = nullptr;
  const bool is_known = get_error_name.attempt(result, &name) == 0 && name != nullptr &&
                        get_error_string.attempt(result, &text) == 0 && text != nullptr;
  if (!is_known) return "error " + std::to_string(result);
  return std::string(name) + " (" + text + ")";
}

void Driver::fail(const char* symbol, Result result) const {
  throw DriverError(std::string("the CUDA driver rejected ") + symbol + ": " + words(result));
}

}  // namespace jpegcompile::cuda
