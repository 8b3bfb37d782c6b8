// The loop over the coefficients of blocks.
#pragma once

#include <cstddef>
#include <cstdint>

#include "jpeg/huffman/lookup.h"

namespace jpegcompile::huffman {

// The next bits of data without stuffed bytes.
struct BitReader {
    std::uint64_t buffer = 0;  // from the highest bit on
    const unsigned char* next = nullptr;
    std::uint64_t count = 0;  // bits of `buffer` in front of the byte at `next`

    // Bits between `start` and the next one.
    [[nodiscard]] std::size_t used(const unsigned char* start) const noexcept {
        return static_cast<std::size_t>(next - start) * 8 - count;
    }
};

// A block to decode: where its coefficients go, which are 0 but for the first, and by which tables.
struct BlockTarget {
    std::int16_t* block = nullptr;
    const LookupTables* tables = nullptr;
    std::uintptr_t ac = 0;    // the address of the tables' AC entries
    std::uintptr_t next = 0;  // the address of the entries that begin the next block
};

// Links targets in the order of decoding.
void link(BlockTarget* first, BlockTarget* end) noexcept;

// Bytes that have to be readable behind `end_of_data` of `decode_blocks`.
inline constexpr std::size_t readable_bytes = 64;

// Decodes the blocks from `first` to `end`, which are linked; first coefficients stay differences.
// False where the data are not clean; they may also be used up beyond `end_of_data`.
[[nodiscard]] bool decode_blocks(BitReader& reader, BlockTarget* first, BlockTarget* end,
                                 const unsigned char* end_of_data) noexcept;

}  // namespace jpegcompile::huffman
