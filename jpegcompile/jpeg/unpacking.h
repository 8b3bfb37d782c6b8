// Unpacks blocks of coefficients; jpegcompile/jpeg/packed.py defines the format. The bytes may come
// from a damaged or hostile file: nothing is read or written out of bounds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "jpeg/planes.h"

namespace jpegcompile {

// Writes the 64 coefficients of a record in natural order. Returns false if the record is not
// valid, or has another length than it says.
[[nodiscard]] bool unpack_record(std::span<const std::uint8_t> record,
                                 std::int16_t* block) noexcept;

// The arrays of a packed plane.
struct PackedBlocks {
    std::span<const std::uint8_t> stream;
    std::span<const std::uint8_t> lengths;   // one for each block, in whole groups
    std::span<const std::int32_t> offsets;   // one for each group
};

// Unpacks planes that are stored one after another, beginning with block `first_block`, to
// [planes][padded.rows][padded.columns][64]. `extents` has the size of each plane, at most `padded`.
// The rest of `out` becomes zero. Uses at most `threads` threads. Returns the index of the first
// block that is not valid, counted from `first_block`; nothing if all are valid. Throws
// std::bad_alloc only.
[[nodiscard]] std::optional<std::size_t> unpack_planes(const PackedBlocks& packed,
                                                       std::size_t first_block,
                                                       std::span<const BlockExtents> extents,
                                                       BlockExtents padded, std::size_t threads,
                                                       std::int16_t* out);

}  // namespace jpegcompile
