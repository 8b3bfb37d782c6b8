// Zeroed memory for the coefficients of one component.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace jpegcompile {

// Gives memory back to a small pool of idle allocations. Page faults on fresh memory cost up to
// half as much as the entropy decoding itself, and callers drop as many images as they read.
struct RecycleMemory {
    std::size_t bytes = 0;
    void operator()(std::int16_t* memory) const noexcept;
};

using CoefficientMemory = std::unique_ptr<std::int16_t[], RecycleMemory>;

// `bytes` zero bytes, or null where there is no memory; never throws. Fresh memory comes from
// calloc: big allocations are then zero pages of the kernel, so that a frame which is far larger
// than its data (a decompression bomb within the limits) costs address space, not memory.
[[nodiscard]] CoefficientMemory allocate_zeroed(std::size_t bytes) noexcept;

}  // namespace jpegcompile
