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
    std::uint64_t count = 0;  // bits of `buffer` before the byte at `next`

    // Bits between `start` and the next one.
    [[nodiscard]] std::size_t used(const unsigned char* start) const noexcept {
        return static_cast<std::size_t>(next - start) * 8 - count;
    }
};

// A block to decode: the target of its coefficients, and the tables. The target must be 0, except
// for the first coefficient.
struct BlockTarget {
    std::int16_t* block = nullptr;
    const LookupTables* tables = nullptr;
    std::uintptr_t ac = 0;    // the address of the tables' AC entries
    std::uintptr_t next = 0;  // the address of the entries that begin the next block
};

// Links the targets in decoding order.
void link(BlockTarget* first, BlockTarget* end) noexcept;

// Bytes that must be readable after `end_of_data` of `decode_blocks`.
inline constexpr std::size_t readable_bytes = 64;

// Decodes the linked blocks from `first` to `end`. First coefficients stay differences. Returns
// false if the data is not clean. The decoder may also read past `end_of_data`.
[[nodiscard]] bool decode_blocks(BitReader& reader, BlockTarget* first, BlockTarget* end,
                                 const unsigned char* end_of_data) noexcept;

}  // namespace jpegcompile::huffman
