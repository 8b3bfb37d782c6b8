// Selection of a compiled kernel for a launch.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cuda/launch.h"
#include "cuda/runtime.h"

namespace jpegcompile::cuda {

// All tilings of one compiled kernel. Thread-safe.
class Variants {
 public:
  // `wanted` must not name the precision of products. Tensor cores with float32 precision are
  // preferred where such kernels exist.
  explicit Variants(Wanted wanted) : wanted_(std::move(wanted)) {}

  // Returns the fastest kernel for this number of rows and channels among the tilings that
  // `accepts` allows. Throws KernelError if there is none.
  using Accepts = std::function<bool(const Tiling&)>;
  const Cubin& fastest(const Runtime& runtime, const Chip& chip, int64_t rows, int64_t channels,
                       const Accepts& accepts = {}) const;

 private:
  const std::vector<const Cubin*>& on(const Runtime& runtime, const Chip& chip) const;
  std::vector<const Cubin*> found(const Runtime& runtime, const Chip& chip) const;

  Wanted wanted_;
  mutable std::mutex mutex_;
  mutable std::map<int64_t, std::vector<const Cubin*>> by_arch_;
};

// The variants that one operator uses, created on first use. Thread-safe.
class VariantsByForm {
 public:
  // `wanted` as in `Variants`; the parameter types of a kernel must not depend on its constants.
  const Variants& of(const Wanted& wanted) const;

 private:
  struct Known {
    std::string kernel;
    Constants constants;
    std::unique_ptr<Variants> variants;
  };

  mutable std::mutex mutex_;
  mutable std::vector<Known> all_;
};

// Number of programs that compute this many rows and channels.
Grid grid_of(const Tiling& tiling, int64_t rows, int64_t channels);

}  // namespace jpegcompile::cuda
