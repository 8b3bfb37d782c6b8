// The codes of a Huffman table.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "jpeg/huffman/definitions.h"

namespace jpegcompile::huffman {

inline constexpr int longest_code = 16;
inline constexpr int end_of_block = 0x00;
inline constexpr int zero_run = 0xF0;  // 16 coefficients that are 0

enum class SymbolKind { dc, ac };

// A symbol and the length of its code; 0 if the bits do not begin with a code.
struct CodedSymbol {
    int length = 0;
    int symbol = 0;

    // Number of bits after the code with the value of the coefficient (T.81, F.1.2.1).
    [[nodiscard]] int size() const noexcept { return symbol & 15; }
    // Number of zero coefficients before it.
    [[nodiscard]] int run() const noexcept { return symbol >> 4; }
};

// Canonical codes (T.81, annex C): codes of one length are consecutive numbers.
class CanonicalCode {
public:
    // Returns none if libjpeg refuses the table.
    [[nodiscard]] static std::optional<CanonicalCode> of(const TableDefinition& definition,
                                                         SymbolKind kind) noexcept;

    // Returns the symbol whose code is at the start of the next 16 bits.
    [[nodiscard]] CodedSymbol find(std::uint32_t bits) const noexcept;
    // Returns the symbol at an index in the order of codes.
    [[nodiscard]] int symbol(std::size_t index) const noexcept { return symbols_[index]; }
    // Returns the number of codes with a length.
    [[nodiscard]] std::size_t count(int length) const noexcept {
        return counts_[static_cast<std::size_t>(length - 1)];
    }

private:
    std::array<std::uint8_t, longest_code> counts_{};
    std::array<std::uint8_t, 256> symbols_{};
    // For each length: the smallest 16-bit number that does not begin with a code of at most that
    // length, and the offset from a code to the index of its symbol.
    std::array<std::uint32_t, longest_code + 1> limits_{};
    std::array<std::int32_t, longest_code + 1> offsets_{};
};

// Returns whether baseline files with 8-bit samples may use the symbol. libjpeg decodes others,
// too.
[[nodiscard]] constexpr bool is_baseline(int symbol, SymbolKind kind) noexcept {
    if (kind == SymbolKind::dc) {
        return symbol <= 11;
    }
    const int size = symbol & 15;
    return size == 0 ? symbol == end_of_block || symbol == zero_run : size <= 10;
}

// Returns the coefficient that `size` bits encode (T.81, F.2.2.1).
[[nodiscard]] constexpr int extend(std::uint32_t bits, int size) noexcept {
    if (size == 0) {
        return 0;
    }
    const bool is_positive = (bits >> (size - 1) & 1) != 0;
    return static_cast<int>(bits) - (is_positive ? 0 : (1 << size) - 1);
}

}  // namespace jpegcompile::huffman
