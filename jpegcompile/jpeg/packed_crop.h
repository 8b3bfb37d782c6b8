// Cuts rectangles of blocks out of packed images, without unpacking them.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "jpeg/block_rows.h"
#include "jpeg/packed_image.h"

namespace jpegcompile {

// Blocks of a component.
struct BlockWindow {
    BlockRange rows, columns;
};

// The blocks of some components, which own their memory.
struct PackedCrop {
    std::vector<std::uint8_t> lengths, streams;
    std::vector<PackedComponent> components;
};

// Returns the blocks of a window of each component: `luma` of the first, `chroma` of the others. A
// window without rows or columns has no blocks. Returns no components if a window exceeds one.
[[nodiscard]] PackedCrop cropped(const PackedView& view, const BlockWindow& luma,
                                 const BlockWindow& chroma);

}  // namespace jpegcompile
