// The orientation that metadata give an image: EXIF, or XMP where EXIF has none.
#pragma once

#include <optional>
#include <span>

namespace jpegcompile {

// Collects what the APP1 segments of a file say, in their order, as Pillow does: the first segment
// of EXIF counts, and the last one of XMP.
class Orientation {
public:
    // Looks at the content of one segment.
    void take(std::span<const unsigned char> content) noexcept;

    // From 1 to 8; 1, not to turn, where the file does not say or says something else.
    [[nodiscard]] int value() const noexcept;

private:
    bool has_exif_ = false;
    std::optional<unsigned> exif_;  // the number of tag 0x0112, 0 for what is no number
    std::optional<unsigned> xmp_;
};

}  // namespace jpegcompile
