// Packing of blocks of coefficients; jpegcompile/jpeg/packed.py says how records look.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace jpegcompile {

// Blocks that share an offset.
inline constexpr std::size_t packed_group = 16;
// Bytes of the longest record.
inline constexpr std::size_t longest_record = 2 + 1 + 8 + 32 + 63 + 2 * 63;

// Writes the records of all blocks, 64 coefficients each in natural order, and returns their bytes.
// `stream` has room for a longest record for each block, `lengths` for whole groups, `offsets` for
// one number a group. Uses at most `threads` threads, of which the caller's is one, and writes the
// same with any number. Throws nothing but std::bad_alloc.
std::size_t pack_blocks(std::span<const std::int16_t> coefficients, std::size_t threads,
                        std::uint8_t* stream, std::uint8_t* lengths, std::int32_t* offsets);

}  // namespace jpegcompile
