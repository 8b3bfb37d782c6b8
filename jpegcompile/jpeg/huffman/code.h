// The codes that a Huffman table stands for.
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

// A symbol with the length of its code; 0 where bits begin with no code.
struct CodedSymbol {
    int length = 0;
    int symbol = 0;

    // Bits behind the code that tell the value of the coefficient (T.81, F.1.2.1).
    [[nodiscard]] int size() const noexcept { return symbol & 15; }
    // Coefficients of 0 in front of it.
    [[nodiscard]] int run() const noexcept { return symbol >> 4; }
};

// Canonical codes (T.81, annex C): those of one length are consecutive numbers.
class CanonicalCode {
public:
    // None where libjpeg refuses the table.
    [[nodiscard]] static std::optional<CanonicalCode> of(const TableDefinition& definition,
                                                         SymbolKind kind) noexcept;

    // The symbol whose code the next 16 bits begin with.
    [[nodiscard]] CodedSymbol find(std::uint32_t bits) const noexcept;
    // The symbol with the given place in the order of codes.
    [[nodiscard]] int symbol(std::size_t index) const noexcept { return symbols_[index]; }
    // How many codes have that length.
    [[nodiscard]] std::size_t count(int length) const noexcept {
        return counts_[static_cast<std::size_t>(length - 1)];
    }

private:
    std::array<std::uint8_t, longest_code> counts_{};
    std::array<std::uint8_t, 256> symbols_{};
    // By length: the first 16 bits behind those that begin with a code of at most that length, and
    // what leads from a code to its symbol.
    std::array<std::uint32_t, longest_code + 1> limits_{};
    std::array<std::int32_t, longest_code + 1> offsets_{};
};

// Whether baseline files with 8-bit samples have the symbol: libjpeg decodes others all the same.
[[nodiscard]] constexpr bool is_baseline(int symbol, SymbolKind kind) noexcept {
    if (kind == SymbolKind::dc) {
        return symbol <= 11;
    }
    const int size = symbol & 15;
    return size == 0 ? symbol == end_of_block || symbol == zero_run : size <= 10;
}

// The coefficient that `size` bits stand for (T.81, F.2.2.1).
[[nodiscard]] constexpr int extend(std::uint32_t bits, int size) noexcept {
    if (size == 0) {
        return 0;
    }
    const bool is_positive = (bits >> (size - 1) & 1) != 0;
    return static_cast<int>(bits) - (is_positive ? 0 : (1 << size) - 1);
}

}  // namespace jpegcompile::huffman
