// The header of a baseline file, from its start to the data of its scan.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "jpeg/coefficients.h"
#include "jpeg/huffman/definitions.h"

namespace jpegcompile::huffman {

inline constexpr std::size_t most_components = 3;

// The tables that the blocks of a component are coded with.
struct ComponentTables {
    TableDefinition dc;
    TableDefinition ac;
    bool operator==(const ComponentTables&) const = default;
};

// How the blocks of an interleaved scan follow each other (T.81, A.2.3). A component that is alone
// has one block in each MCU, whatever its factors.
struct McuComponent {
    std::size_t columns = 1;  // blocks of an MCU
    std::size_t rows = 1;
};

struct CleanHeader {
    Image frame;  // its components have extents, tables and factors, and no coefficients
    std::array<ComponentTables, most_components> tables;
    std::array<McuComponent, most_components> mcu;
    std::size_t mcu_rows = 0;
    std::size_t mcu_columns = 0;
    std::size_t restart_interval = 0;  // in MCUs; 0 for none
    std::size_t scan_offset = 0;       // of the scan's data in the file
};

// The header of a file with 8-bit samples and sequential Huffman coding whose first scan holds all
// of its one or three components, if libjpeg reads it without a warning. None for all else, also
// where libjpeg would still read the file.
[[nodiscard]] std::optional<CleanHeader> parse_header(std::span<const unsigned char> bytes);

}  // namespace jpegcompile::huffman
