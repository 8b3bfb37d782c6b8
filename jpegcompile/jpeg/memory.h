// Memory for the coefficients of one component, and for the bytes that they are read from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace jpegcompile {

// Gives memory back to a small pool of idle allocations. Page faults on fresh memory cost up to
// half as much as the entropy decoding itself, and callers drop as many images as they read.
struct RecycleMemory {
    std::size_t bytes = 0;
    void operator()(void* memory) const noexcept;
};

using CoefficientMemory = std::unique_ptr<std::int16_t[], RecycleMemory>;
using ByteMemory = std::unique_ptr<unsigned char[], RecycleMemory>;

// `bytes` zero bytes, or null where there is no memory; never throws. Fresh memory comes from
// calloc: big allocations are then zero pages of the kernel, so that a frame which is far larger
// than its data (a decompression bomb within the limits) costs address space, not memory.
[[nodiscard]] CoefficientMemory allocate_zeroed(std::size_t bytes) noexcept;

// The same with any contents.
[[nodiscard]] CoefficientMemory allocate_coefficients(std::size_t bytes) noexcept;
[[nodiscard]] ByteMemory allocate_bytes(std::size_t bytes) noexcept;

}  // namespace jpegcompile
