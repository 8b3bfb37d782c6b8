// The tables that a header defines.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "jpeg/coefficients.h"

namespace jpegcompile::huffman {

using Bytes = std::span<const unsigned char>;
using QuantizationTable = std::array<std::uint16_t, block_coefficients>;  // natural order

// Returns the big-endian number in two bytes.
[[nodiscard]] inline std::size_t two_bytes(Bytes bytes, std::size_t at) noexcept {
    return static_cast<std::size_t>(bytes[at] << 8 | bytes[at + 1]);
}

// A Huffman table as a file defines it (T.81, B.2.4.2).
struct TableDefinition {
    std::array<std::uint8_t, 16> counts{};    // number of codes of each length, 1 to 16
    std::array<std::uint8_t, 256> symbols{};  // in the order of their codes; 0 after the last one
    bool operator==(const TableDefinition&) const = default;
};

class Definitions {
public:
    // Reads the content of a DQT or DHT segment, which may define several tables. Returns false if
    // libjpeg refuses it, or a table has no codes.
    [[nodiscard]] bool take_quantization_tables(Bytes content) noexcept;
    [[nodiscard]] bool take_huffman_tables(Bytes content) noexcept;

    // Returns the last table defined in a slot; null if there is none.
    [[nodiscard]] const QuantizationTable* quantization(std::size_t slot) const noexcept {
        return find(quantization_, slot);
    }
    [[nodiscard]] const TableDefinition* dc(std::size_t slot) const noexcept {
        return find(dc_, slot);
    }
    [[nodiscard]] const TableDefinition* ac(std::size_t slot) const noexcept {
        return find(ac_, slot);
    }

private:
    template <typename Table>
    using Slots = std::array<std::optional<Table>, 4>;

    template <typename Table>
    static const Table* find(const Slots<Table>& slots, std::size_t slot) noexcept {
        return slot < slots.size() && slots[slot].has_value() ? &*slots[slot] : nullptr;
    }

    Slots<QuantizationTable> quantization_;
    Slots<TableDefinition> dc_;
    Slots<TableDefinition> ac_;
};

}  // namespace jpegcompile::huffman
