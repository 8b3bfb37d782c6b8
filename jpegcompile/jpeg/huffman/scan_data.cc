#include "jpeg/huffman/scan_data.h"

#include <cstring>

#include "jpeg/huffman/blocks.h"

namespace jpegcompile::huffman {
namespace {

constexpr unsigned char rst0 = 0xD0, rst7 = 0xD7, eoi = 0xD9;

}  // namespace

std::optional<ScanData> unstuff(std::span<const unsigned char> scan, std::size_t restarts) {
    ScanData data{allocate_bytes(scan.size() + readable_bytes), {}};
    if (data.bytes == nullptr || restarts > scan.size()) {
        return std::nullopt;
    }
    data.ends.reserve(restarts + 1);
    const unsigned char* from = scan.data();
    const unsigned char* const end = from + scan.size();
    unsigned char* to = data.bytes.get();
    while (true) {
        const auto left = static_cast<std::size_t>(end - from);
        const auto* const found = static_cast<const unsigned char*>(std::memchr(from, 0xFF, left));
        if (found == nullptr) {
            return std::nullopt;
        }
        const auto count = static_cast<std::size_t>(found - from);
        std::memcpy(to, from, count);
        to += count;
        const unsigned char* marker = found + 1;
        while (marker != end && *marker == 0xFF) {
            ++marker;
        }
        if (marker == end) {
            return std::nullopt;
        }
        const bool is_stuffed = *marker == 0 && marker == found + 1;
        if (is_stuffed) {
            *to++ = 0xFF;
        } else {
            data.ends.push_back(static_cast<std::size_t>(to - data.bytes.get()));
            if (*marker == eoi) {
                break;
            }
            const std::size_t number = (data.ends.size() - 1) % (rst7 - rst0 + 1);
            if (*marker != rst0 + number || data.ends.size() > restarts) {
                return std::nullopt;
            }
        }
        from = marker + 1;
    }
    if (data.ends.size() != restarts + 1) {
        return std::nullopt;
    }
    std::memset(to, 0, readable_bytes);
    return data;
}

}  // namespace jpegcompile::huffman
