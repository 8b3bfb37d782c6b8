#include "jpeg/huffman/code.h"

#include <algorithm>
#include <cstddef>

namespace jpegcompile::huffman {

std::optional<CanonicalCode> CanonicalCode::of(const TableDefinition& definition,
                                               SymbolKind kind) noexcept {
    CanonicalCode result;
    result.counts_ = definition.counts;
    result.symbols_ = definition.symbols;
    std::uint32_t code = 0;
    std::size_t index = 0;
    for (int length = 1; length <= longest_code; ++length) {
        const auto at = static_cast<std::size_t>(length);
        result.offsets_[at] = static_cast<std::int32_t>(index) - static_cast<std::int32_t>(code);
        code += static_cast<std::uint32_t>(result.count(length));
        index += result.count(length);
        // No code consists of ones alone.
        if (result.count(length) > 0 && code >= std::uint32_t{1} << length) {
            return std::nullopt;
        }
        result.limits_[at] = code << (longest_code - length);
        code <<= 1;
    }
    const auto* const symbols = result.symbols_.begin();
    if (index > result.symbols_.size() ||
        (kind == SymbolKind::dc &&
         std::any_of(symbols, symbols + index, [](int symbol) { return symbol > 15; }))) {
        return std::nullopt;
    }
    return result;
}

CodedSymbol CanonicalCode::find(std::uint32_t bits) const noexcept {
    for (int length = 1; length <= longest_code; ++length) {
        const auto at = static_cast<std::size_t>(length);
        if (bits < limits_[at]) {
            const auto code = static_cast<std::int32_t>(bits >> (longest_code - length));
            return {length, symbols_[static_cast<std::size_t>(offsets_[at] + code)]};
        }
    }
    return {};
}

}  // namespace jpegcompile::huffman
