// Memory for vectors, aligned to cache lines.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace jpegcompile {

// Allocates memory at the start of a cache line, so that no vector straddles two lines.
template <typename T>
struct CacheLineAllocator {
  using value_type = T;
  static constexpr std::align_val_t kLine{64};

  CacheLineAllocator() = default;
  template <typename Other>
  CacheLineAllocator(const CacheLineAllocator<Other>&) noexcept {}

  T* allocate(size_t count) {
    return static_cast<T*>(::operator new(count * sizeof(T), kLine));
  }
  void deallocate(T* memory, size_t) noexcept { ::operator delete(memory, kLine); }

  template <typename Other>
  bool operator==(const CacheLineAllocator<Other>&) const noexcept {
    return true;
  }
};

using AlignedFloats = std::vector<float, CacheLineAllocator<float>>;

}  // namespace jpegcompile
