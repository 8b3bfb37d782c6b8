// Memory for the coefficients of a component, and for the bytes of a file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace jpegcompile {

// Returns memory to a small pool of idle allocations. Page faults on fresh memory cost up to half
// as much as the entropy decoding itself, and callers free images as fast as they read them.
struct RecycleMemory {
    std::size_t bytes = 0;
    void operator()(void* memory) const noexcept;
};

using CoefficientMemory = std::unique_ptr<std::int16_t[], RecycleMemory>;
using ByteMemory = std::unique_ptr<unsigned char[], RecycleMemory>;

// Returns `bytes` zero bytes, or null if there is not enough memory; never throws. Fresh memory
// comes from calloc, so large allocations are zero pages of the kernel. A frame that is far larger
// than its data (a decompression bomb within the limits) then uses address space, not memory.
[[nodiscard]] CoefficientMemory allocate_zeroed(std::size_t bytes) noexcept;

// The same with undefined contents.
[[nodiscard]] CoefficientMemory allocate_coefficients(std::size_t bytes) noexcept;
[[nodiscard]] ByteMemory allocate_bytes(std::size_t bytes) noexcept;

}  // namespace jpegcompile
