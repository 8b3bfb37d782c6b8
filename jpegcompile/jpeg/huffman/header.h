// The header of a baseline file, from its start to the data of the scan.
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

// The Huffman tables of a component.
struct ComponentTables {
    TableDefinition dc;
    TableDefinition ac;
    bool operator==(const ComponentTables&) const = default;
};

// The order of blocks in an interleaved scan (T.81, A.2.3). A single component has one block per
// MCU, whatever its factors.
struct McuComponent {
    std::size_t columns = 1;  // blocks of an MCU
    std::size_t rows = 1;
};

struct CleanHeader {
    Image frame;  // components with extents, tables and factors, but no coefficients
    std::array<ComponentTables, most_components> tables;
    std::array<McuComponent, most_components> mcu;
    std::size_t mcu_rows = 0;
    std::size_t mcu_columns = 0;
    std::size_t restart_interval = 0;  // in MCUs; 0 for none
    std::size_t scan_offset = 0;       // offset of the scan's data in the file
};

// Returns the header of a clean file: 8-bit samples, sequential Huffman coding, and one or three
// components that are all in the first scan. libjpeg must read the header without a warning.
// Returns none for all other files, even if libjpeg can read them.
[[nodiscard]] std::optional<CleanHeader> parse_header(std::span<const unsigned char> bytes);

}  // namespace jpegcompile::huffman
