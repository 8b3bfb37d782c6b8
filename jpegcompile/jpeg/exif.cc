#include "jpeg/exif.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace jpegcompile {
namespace {

constexpr std::string_view signature("Exif\0\0", 6);
constexpr std::uint32_t orientation_tag = 0x0112;
constexpr std::size_t entry_bytes = 12;

// Types of TIFF values whose numbers stand in the entry itself.
enum Type : std::uint32_t { type_short = 3, type_long = 4 };

// Numbers in a TIFF structure; those beyond its end are 0.
class Tiff {
public:
    explicit Tiff(std::span<const unsigned char> bytes) noexcept
        : bytes_(bytes), is_little_endian_(byte(0) == 'I') {}

    [[nodiscard]] bool is_valid() const noexcept {
        return (byte(0) == 'I' || byte(0) == 'M') && byte(1) == byte(0) && number(2, 2) == 42;
    }
    [[nodiscard]] std::uint32_t number(std::size_t offset, std::size_t size) const noexcept {
        std::uint32_t value = 0;
        for (std::size_t index = 0; index < size; ++index) {
            value = value << 8 | byte(offset + (is_little_endian_ ? size - 1 - index : index));
        }
        return value;
    }

private:
    [[nodiscard]] std::uint32_t byte(std::size_t offset) const noexcept {
        return offset < bytes_.size() ? bytes_[offset] : 0;
    }

    std::span<const unsigned char> bytes_;
    bool is_little_endian_;
};

// The number of an entry that holds one; 0 for other entries.
std::uint32_t single_value(const Tiff& tiff, std::size_t entry) noexcept {
    const std::uint32_t type = tiff.number(entry + 2, 2), count = tiff.number(entry + 4, 4);
    if (count != 1) {
        return 0;
    }
    switch (type) {
        case type_short:
            return tiff.number(entry + 8, 2);
        case type_long:
            return tiff.number(entry + 8, 4);
        default:
            return 0;
    }
}

}  // namespace

int exif_orientation(std::span<const unsigned char> content) noexcept {
    if (content.size() < signature.size() ||
        !std::equal(signature.begin(), signature.end(), content.begin(),
                    [](char a, unsigned char b) { return static_cast<unsigned char>(a) == b; })) {
        return 0;
    }
    const Tiff tiff(content.subspan(signature.size()));
    if (!tiff.is_valid()) {
        return 0;
    }
    const std::size_t directory = tiff.number(4, 4);
    const std::size_t count = tiff.number(directory, 2);
    for (std::size_t index = 0; index < count; ++index) {
        const std::size_t entry = directory + 2 + index * entry_bytes;
        if (entry >= content.size()) {
            break;
        }
        if (tiff.number(entry, 2) == orientation_tag) {
            const std::uint32_t value = single_value(tiff, entry);
            return value >= 1 && value <= 8 ? static_cast<int>(value) : 0;
        }
    }
    return 0;
}

}  // namespace jpegcompile
