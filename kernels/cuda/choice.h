// Which compiled kernel does what is wanted.
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

// The compiled kernels that do one thing, in every tiling. Several threads may ask for them.
class Variants {
 public:
  // `wanted` says nothing of the precision of products: exact to float32, by tensor cores where
  // there are kernels for them.
  explicit Variants(Wanted wanted) : wanted_(std::move(wanted)) {}

  // The fastest for so many rows and channels, of those whose tiling will do. Throws KernelError if
  // there is none.
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

// Variants that one operator asks for, made when they are asked for first. Several threads may ask.
class VariantsByForm {
 public:
  // As `Wanted`; one kernel has the same types whatever its constants are.
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

// Programs that make so many rows and channels.
Grid grid_of(const Tiling& tiling, int64_t rows, int64_t channels);

}  // namespace jpegcompile::cuda
