// Launches of compiled kernels, with arguments by name.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "cuda/contexts.h"
#include "cuda/cubins.h"

namespace jpegcompile::cuda {

// Arguments of a launch. Names must be string literals.
class Arguments {
 public:
  struct One {
    std::string_view name;
    int64_t value;
    bool is_pointer;
  };

  void pointer(std::string_view name, DevicePointer value) {
    all_.push_back({name, static_cast<int64_t>(value), true});
  }
  void integer(std::string_view name, int64_t value) { all_.push_back({name, value, false}); }
  void add(const Arguments& others) {
    all_.insert(all_.end(), others.all_.begin(), others.all_.end());
  }
  const std::vector<One>& all() const { return all_; }

 private:
  std::vector<One> all_;
};

struct Grid {
  int64_t x = 1, y = 1, z = 1;
};

// Whether kernels are compiled for values of this argument that are multiples of 16
// (jpegcompile/gpu/launch.py).
bool is_aligned(std::string_view name, bool is_pointer);

// Launches a kernel on a stream of the current context. Throws KernelError if the arguments do not
// match the parameters of the cubin or the values it was compiled for, and DriverError if the
// driver rejects the launch.
void launch(Contexts& contexts, const CurrentContext& current, Stream stream, const Cubin& cubin,
            const Grid& grid, const Arguments& arguments);

}  // namespace jpegcompile::cuda
