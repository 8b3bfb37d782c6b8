#include "jpeg/exif.h"

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

namespace jpegcompile {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view exif_signature = "Exif\0\0"sv;
constexpr std::string_view xmp_signature = "http://ns.adobe.com/xap/1.0/\0"sv;
constexpr std::string_view xmp_property = "tiff:Orientation"sv;
constexpr std::uint32_t orientation_tag = 0x0112;
constexpr std::size_t entry_bytes = 12;

// A type of TIFF values (TIFF 6.0, section 2), by its number.
struct Type {
    std::size_t bytes;  // of one value; 0 for types that there are not
    bool is_integer;    // of BYTE and UNDEFINED Pillow makes bytes, not a number
};
constexpr Type types[] = {{0, false}, {1, false}, {1, false}, {2, true}, {4, true},
                          {8, false}, {1, true},  {1, false}, {2, true}, {4, true},
                          {8, false}, {4, false}, {8, false}, {4, true}};

// Numbers in a TIFF structure; bytes beyond its end are 0.
class Tiff {
public:
    explicit Tiff(std::string_view bytes) noexcept
        : bytes_(bytes), is_little_endian_(byte(0) == 'I') {}

    [[nodiscard]] bool is_valid() const noexcept {
        return (byte(0) == 'I' || byte(0) == 'M') && byte(1) == byte(0) && number(2, 2) == 42;
    }
    [[nodiscard]] bool holds(std::size_t offset, std::size_t size) const noexcept {
        return offset <= bytes_.size() && size <= bytes_.size() - offset;
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
        return offset < bytes_.size() ? static_cast<unsigned char>(bytes_[offset]) : 0;
    }

    std::string_view bytes_;
    bool is_little_endian_;
};

// The first number of an entry, 0 where it holds none; nothing for an entry that does not count.
std::optional<unsigned> first_number(const Tiff& tiff, std::size_t entry) noexcept {
    const std::size_t type = tiff.number(entry + 2, 2);
    const std::uint64_t count = tiff.number(entry + 4, 4);
    if (type >= std::size(types) || types[type].bytes == 0 || count == 0) {
        return {};
    }
    const auto [bytes, is_integer] = types[type];
    std::size_t place = entry + 8;
    // Values of more than four bytes stand elsewhere.
    if (count * bytes > 4) {
        place = tiff.number(place, 4);
        if (!tiff.holds(place, count * bytes)) {
            return {};
        }
    }
    return is_integer ? tiff.number(place, bytes) : 0;
}

// What the first image file directory says.
std::optional<unsigned> orientation_of_exif(std::string_view content) noexcept {
    // Some programs write the signature twice.
    content.remove_prefix(content.starts_with(exif_signature) ? exif_signature.size() : 0);
    const Tiff tiff(content);
    if (!tiff.is_valid()) {
        return {};
    }
    const std::size_t directory = tiff.number(4, 4);
    const std::size_t count = tiff.number(directory, 2);
    for (std::size_t index = 0; index < count; ++index) {
        const std::size_t entry = directory + 2 + index * entry_bytes;
        if (!tiff.holds(entry, entry_bytes)) {
            break;
        }
        if (tiff.number(entry, 2) != orientation_tag) {
            continue;
        }
        if (const auto number = first_number(tiff, entry)) {
            return number;
        }
    }
    return {};
}

// The digit of tiff:Orientation="6" or <tiff:Orientation>6<.
std::optional<unsigned> orientation_of_xmp(std::string_view content) noexcept {
    for (std::size_t found = content.find(xmp_property); found != std::string_view::npos;
         found = content.find(xmp_property, found + 1)) {
        std::string_view rest = content.substr(found + xmp_property.size());
        const std::size_t sign = rest.starts_with("=\"") ? 2 : rest.starts_with('>') ? 1 : 0;
        if (sign != 0 && rest.size() > sign && rest[sign] >= '0' && rest[sign] <= '9') {
            return static_cast<unsigned>(rest[sign] - '0');
        }
    }
    return {};
}

}  // namespace

void Orientation::take(std::span<const unsigned char> content) noexcept {
    std::string_view text(reinterpret_cast<const char*>(content.data()), content.size());
    if (text.starts_with(exif_signature)) {
        text.remove_prefix(exif_signature.size());
        if (!has_exif_ && !text.empty()) {
            has_exif_ = true;
            exif_ = orientation_of_exif(text);
        }
    } else if (text.starts_with(xmp_signature)) {
        xmp_ = orientation_of_xmp(text.substr(xmp_signature.size()));
    }
}

int Orientation::value() const noexcept {
    const unsigned number = exif_.value_or(xmp_.value_or(1));
    return number >= 1 && number <= 8 ? static_cast<int>(number) : 1;
}

}  // namespace jpegcompile
