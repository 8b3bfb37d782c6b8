#include "jpeg/exif.h"

#include <algorithm>
#include <bit>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <new>
#include <string_view>

namespace jpegcompile {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view exif_signature = "Exif\0\0"sv;
constexpr std::string_view xmp_signature = "http://ns.adobe.com/xap/1.0/\0"sv;
constexpr std::string_view xmp_property = "tiff:Orientation"sv;
constexpr std::size_t orientation_tag = 0x0112;
constexpr std::size_t tag_count = 0x10000;
constexpr std::size_t header_bytes = 8;
constexpr std::size_t entry_bytes = 12;
// The largest size of values that are stored in the entry itself.
constexpr std::size_t value_bytes = 4;

// The possible starts of a TIFF structure. The third and the fourth match neither byte order. The
// last one is the start of BigTIFF, which Pillow reads as plain TIFF.
constexpr std::string_view headers[] = {"MM\0\x2a"sv, "II\x2a\0"sv, "MM\x2a\0"sv, "II\0\x2a"sv,
                                        "MM\0\x2b"sv};

// A type of TIFF values (TIFF 6.0, section 2, and BigTIFF), by its number.
enum class Kind { text, integer, fraction, signed_fraction, real };
struct Type {
    std::size_t bytes;  // size of one value; 0 for undefined types
    Kind kind;          // Pillow converts BYTE and UNDEFINED to bytes, not to numbers
};
constexpr Type types[] = {{0, Kind::text},            {1, Kind::text},    {1, Kind::text},
                          {2, Kind::integer},         {4, Kind::integer}, {8, Kind::fraction},
                          {1, Kind::integer},         {1, Kind::text},    {2, Kind::integer},
                          {4, Kind::integer},         {8, Kind::signed_fraction},
                          {4, Kind::real},            {8, Kind::real},    {4, Kind::integer},
                          {0, Kind::text},            {0, Kind::text},    {8, Kind::integer}};

// Returns the quotient; 0 if the denominator is 0. The quotient of two 32-bit integers is a whole
// number only if the exact fraction is one.
double quotient(double numerator, double denominator) noexcept {
    return denominator == 0.0 ? 0.0 : numerator / denominator;
}

// Numbers in a TIFF structure; bytes beyond its end are 0.
class Tiff {
public:
    explicit Tiff(std::string_view bytes) noexcept
        : bytes_(bytes), is_little_endian_(bytes.starts_with('I')) {}

    [[nodiscard]] bool is_valid() const noexcept {
        const auto begins = [this](std::string_view header) { return bytes_.starts_with(header); };
        return bytes_.size() >= header_bytes && std::ranges::any_of(headers, begins);
    }
    [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
    [[nodiscard]] bool holds(std::size_t offset, std::uint64_t size) const noexcept {
        return offset <= bytes_.size() && size <= bytes_.size() - offset;
    }
    [[nodiscard]] std::uint64_t number(std::size_t offset, std::size_t size) const noexcept {
        std::uint64_t value = 0;
        for (std::size_t index = 0; index < size; ++index) {
            value = value << 8 | byte(offset + (is_little_endian_ ? size - 1 - index : index));
        }
        return value;
    }
    // Returns the value of a type; 0 if it is not a number. A negative integer becomes a large one.
    [[nodiscard]] double value(std::size_t offset, const Type& type) const noexcept {
        const auto word = [&](std::size_t at) { return static_cast<std::uint32_t>(number(at, 4)); };
        const auto signed_word = [&](std::size_t at) { return static_cast<std::int32_t>(word(at)); };
        switch (type.kind) {
            case Kind::integer:
                return static_cast<double>(number(offset, type.bytes));
            case Kind::fraction:
                return quotient(word(offset), word(offset + 4));
            case Kind::signed_fraction:
                return quotient(signed_word(offset), signed_word(offset + 4));
            case Kind::real:
                return type.bytes == 4 ? double{std::bit_cast<float>(word(offset))}
                                       : std::bit_cast<double>(number(offset, type.bytes));
            case Kind::text:
                break;
        }
        return 0.0;
    }

private:
    [[nodiscard]] std::uint64_t byte(std::size_t offset) const noexcept {
        return offset < bytes_.size() ? static_cast<unsigned char>(bytes_[offset]) : 0;
    }

    std::string_view bytes_;
    bool is_little_endian_;
};

// Returns the orientation of a number, which may be 6.0 or 12/2; 0 if it is not an orientation.
unsigned orientation_of_number(double value) noexcept {
    for (unsigned orientation = 1; orientation <= 8; ++orientation) {
        if (value == orientation) {
            return orientation;
        }
    }
    return 0;
}

// Returns the orientation in the first image file directory; 0 if there is none. Like Pillow, this
// skips entries that it cannot read, and stops at an entry that ends beyond the file.
std::optional<unsigned> orientation_of_directory(const Tiff& tiff) noexcept {
    const std::size_t directory = tiff.number(4, 4);
    const std::size_t count = tiff.number(directory, 2);
    std::bitset<tag_count> taken;
    std::uint64_t outside = 0;  // bytes of the values that are not stored in their entries
    for (std::size_t index = 0; index < count; ++index) {
        const std::size_t entry = directory + 2 + index * entry_bytes;
        if (!tiff.holds(entry, entry_bytes)) {
            break;
        }
        const std::size_t tag = tiff.number(entry, 2), number = tiff.number(entry + 2, 2);
        if (taken[tag] || number >= std::size(types) || types[number].bytes == 0) {
            continue;
        }
        const Type& type = types[number];
        const std::uint64_t size = tiff.number(entry + 4, 4) * type.bytes;
        std::size_t place = entry + 8;
        if (size > value_bytes) {
            place = tiff.number(place, 4);
            outside += size;
            if (outside > tiff.size()) {
                continue;
            }
            if (!tiff.holds(place, size)) {
                break;
            }
        }
        if (size != 0 && tag == orientation_tag) {
            return orientation_of_number(tiff.value(place, type));
        }
        taken[tag] = size != 0;
    }
    return {};
}

std::optional<unsigned> orientation_of_exif(std::string_view content) noexcept {
    // Some programs write the signature twice.
    content.remove_prefix(content.starts_with(exif_signature) ? exif_signature.size() : 0);
    if (content.empty()) {
        return {};
    }
    const Tiff tiff(content);
    // Pillow raises an error if the data is not a TIFF structure, and then does not read XMP.
    return tiff.is_valid() ? orientation_of_directory(tiff) : 0;
}

// Returns the digit of tiff:Orientation="6" or <tiff:Orientation>6<.
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

bool Orientation::take(std::span<const unsigned char> content) noexcept {
    std::string_view text(reinterpret_cast<const char*>(content.data()), content.size());
    if (text.starts_with(exif_signature)) {
        return add_exif(text.substr(exif_signature.size()));
    }
    if (text.starts_with(xmp_signature)) {
        xmp_ = orientation_of_xmp(text.substr(xmp_signature.size()));
    }
    return true;
}

bool Orientation::add_exif(std::string_view content) noexcept {
    try {
        exif_.append(content.substr(0, most_exif_bytes - exif_.size()));
    } catch (const std::bad_alloc&) {
        return false;
    }
    return true;
}

int Orientation::value() const noexcept {
    const auto exif = orientation_of_exif(exif_);
    const unsigned number = exif.value_or(xmp_.value_or(1));
    return number >= 1 && number <= 8 ? static_cast<int>(number) : 1;
}

}  // namespace jpegcompile
