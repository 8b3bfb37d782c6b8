#include "jpeg/huffman/definitions.h"

#include <algorithm>

#include "jpeg/huffman/zigzag.h"

namespace jpegcompile::huffman {

bool Definitions::take_quantization_tables(Bytes content) noexcept {
    while (!content.empty()) {
        const std::size_t value_bytes = content[0] >> 4 == 0 ? 1 : 2, slot = content[0] & 15;
        const std::size_t size = 1 + block_coefficients * value_bytes;
        if (content[0] >> 4 > 1 || slot >= quantization_.size() || content.size() < size) {
            return false;
        }
        auto& table = quantization_[slot].emplace();
        for (std::size_t index = 0; index < block_coefficients; ++index) {
            const std::size_t at = 1 + index * value_bytes;
            const std::size_t value = value_bytes == 1 ? content[at] : two_bytes(content, at);
            table[natural_order[index]] = static_cast<std::uint16_t>(value);
        }
        content = content.subspan(size);
    }
    return true;
}

bool Definitions::take_huffman_tables(Bytes content) noexcept {
    while (!content.empty()) {
        constexpr std::size_t head = 17;
        const std::size_t kind = content[0] >> 4, slot = content[0] & 15;
        if (content.size() < head || kind > 1 || slot >= dc_.size()) {
            return false;
        }
        TableDefinition& table = (kind == 0 ? dc_ : ac_)[slot].emplace();
        std::copy_n(content.begin() + 1, table.counts.size(), table.counts.begin());
        std::size_t count = 0;
        for (const std::uint8_t of_length : table.counts) {
            count += of_length;
        }
        if (count == 0 || count > table.symbols.size() || content.size() < head + count) {
            return false;
        }
        std::copy_n(content.begin() + head, count, table.symbols.begin());
        content = content.subspan(head + count);
    }
    return true;
}

}  // namespace jpegcompile::huffman
