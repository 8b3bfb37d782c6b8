// Tables that decode up to two coefficients per lookup of the next bits.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "jpeg/huffman/code.h"
#include "jpeg/huffman/header.h"

namespace jpegcompile::huffman {

// More bits would need fewer lookups, but cause more misses in the first-level cache.
inline constexpr int index_bits = 10;

// The decoded start of the next `index_bits` bits: a first coefficient that is complete in these
// bits, and a second coefficient whose code is complete. Positions count from the last coefficient
// in zigzag order. The second coefficient is written before the first. If the second one is missing
// or 0, it is written to the position of the first and overwritten. If the first one is missing, it
// is 0 and is written directly after the second, where nothing is stored yet.
struct Entry {
    std::uint8_t bits = 0;         // number of bits decoded
    std::uint8_t first = 0;        // steps to the first coefficient
    std::uint8_t second = 0;       // steps to the position of the second coefficient
    std::uint8_t steps = 0;        // steps to the last coefficient
    std::int8_t value = 0;         // value of the first coefficient
    std::uint8_t code_bits = 0;    // bits before the bits of the second value
    std::uint8_t unused_bits = 0;  // 64 minus the number of bits of the second value; 0 if none
    std::int8_t end_mask = 0;      // -1 if the block ends here, else 0
};
static_assert(sizeof(Entry) == sizeof(std::uint64_t));

// More steps than a block has: no entry can decode the code at the start of the bits.
inline constexpr std::uint8_t untold = 255;

using Entries = std::array<Entry, std::size_t{1} << index_bits>;

// Tables for the blocks of one component. Entries for DC coefficients have AC coefficients as
// second ones.
struct LookupTables {
    Entries dc;
    Entries ac;
    CanonicalCode dc_code;
    CanonicalCode ac_code;
    bool has_pairs = false;  // otherwise each entry decodes one coefficient
};

// Returns null if libjpeg refuses one of the two tables. Each thread caches its last tables,
// because most files use the same ones. Pairs take most of the time to build, so a scan of few
// bytes gets tables without pairs unless the same tables are requested again.
[[nodiscard]] std::shared_ptr<const LookupTables> lookup_tables(const ComponentTables& tables,
                                                                std::size_t scan_bytes);

}  // namespace jpegcompile::huffman
