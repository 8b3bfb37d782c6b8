// Tables that decode up to two coefficients by one lookup of the next bits.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "jpeg/huffman/code.h"
#include "jpeg/huffman/header.h"

namespace jpegcompile::huffman {

// More would have fewer lookups, and more misses in the first cache.
inline constexpr int index_bits = 10;

// What the next `index_bits` bits begin with: one coefficient that lies in them as a whole, and
// another one of which only the code has to. Positions count from the last coefficient in zigzag
// order. The second coefficient is written before the first. One that is missing, or that is 0, takes
// the place of the first and is overwritten. A missing first one is 0 and goes right behind the
// second, where nothing is yet.
struct Entry {
    std::uint8_t bits = 0;         // of all that is decoded
    std::uint8_t first = 0;        // steps to the first coefficient
    std::uint8_t second = 0;       // steps to the place of the second one
    std::uint8_t steps = 0;        // steps to the last one
    std::int8_t value = 0;         // of the first coefficient
    std::uint8_t code_bits = 0;    // in front of the bits that tell the second value
    std::uint8_t unused_bits = 0;  // 64 less the number of those bits; 0 where there are none
    std::int8_t end_mask = 0;      // -1 where the block ends here, else 0
};
static_assert(sizeof(Entry) == sizeof(std::uint64_t));

// Steps that leave every block: the bits begin with no code that an entry can tell.
inline constexpr std::uint8_t untold = 255;

using Entries = std::array<Entry, std::size_t{1} << index_bits>;

// For the blocks of one component. Entries of DC coefficients have AC coefficients as second ones.
struct LookupTables {
    Entries dc;
    Entries ac;
    CanonicalCode dc_code;
    CanonicalCode ac_code;
    bool has_pairs = false;  // otherwise each entry tells one coefficient
};

// Null where libjpeg refuses one of the two tables. Each thread keeps the last ones that it made:
// most files are coded with the same tables. Pairs take most of the time that it takes to make
// tables; for a scan of few bytes they are left out, unless the same tables come again.
[[nodiscard]] std::shared_ptr<const LookupTables> lookup_tables(const ComponentTables& tables,
                                                                std::size_t scan_bytes);

}  // namespace jpegcompile::huffman
