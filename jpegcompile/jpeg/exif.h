// The orientation that metadata give an image: EXIF, or XMP where EXIF has none.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace jpegcompile {

// Collects what the APP1 segments of a file say, as Pillow's ImageOps.exif_transpose does: segments
// of EXIF are parts of one structure, and the last one of XMP counts. Damaged entries are judged as
// Pillow 13 does; of a structure at which Pillow raises an error the orientation is 1.
class Orientation {
public:
    // Of EXIF, what is behind these bytes is left out; cameras write one segment, below 64 KiB.
    static constexpr std::size_t most_exif_bytes = std::size_t{1} << 20;

    // Looks at the content of one segment; false if there is not enough memory.
    [[nodiscard]] bool take(std::span<const unsigned char> content) noexcept;

    // From 1 to 8; 1, not to turn, where the file does not say or says something else.
    [[nodiscard]] int value() const noexcept;

private:
    bool add_exif(std::string_view content) noexcept;

    std::string exif_;  // without the signatures of the segments
    std::optional<unsigned> xmp_;
};

}  // namespace jpegcompile
