// Packs blocks of coefficients; jpegcompile/jpeg/packed.py defines the format.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace jpegcompile {

// Number of blocks that share an offset.
inline constexpr std::size_t packed_group = 16;
// Bytes of the longest record.
inline constexpr std::size_t longest_record = 2 + 1 + 8 + 32 + 63 + 2 * 63;

// Writes the records of all blocks, 64 coefficients each in natural order, and returns their size
// in bytes. `stream` must have space for a longest record per block, `lengths` for whole groups,
// and `offsets` for one number per group. Uses at most `threads` threads, including the caller's.
// The result does not depend on that number. Throws std::bad_alloc only.
std::size_t pack_blocks(std::span<const std::int16_t> coefficients, std::size_t threads,
                        std::uint8_t* stream, std::uint8_t* lengths, std::int32_t* offsets);

}  // namespace jpegcompile
