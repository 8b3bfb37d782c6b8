// The orientation of an image in its metadata: EXIF, or XMP if EXIF has none.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace jpegcompile {

// Reads the orientation from the APP1 segments of a file like Pillow's ImageOps.exif_transpose.
// EXIF segments are joined into one structure; of several XMP segments the last one counts. Damaged
// entries are handled as in Pillow 13. If Pillow raises an error for a structure, the orientation
// is 1.
class Orientation {
public:
    // EXIF data after this many bytes is ignored. Cameras write one segment of less than 64 KiB.
    static constexpr std::size_t most_exif_bytes = std::size_t{1} << 20;

    // Reads the content of one segment. Returns false if there is not enough memory.
    [[nodiscard]] bool take(std::span<const unsigned char> content) noexcept;

    // Returns the orientation, 1 to 8. 1 (no change) if the file has none or an invalid one.
    [[nodiscard]] int value() const noexcept;

private:
    bool add_exif(std::string_view content) noexcept;

    std::string exif_;  // without the signatures of the segments
    std::optional<unsigned> xmp_;
};

}  // namespace jpegcompile
