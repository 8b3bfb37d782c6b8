// The orientation that EXIF metadata give an image.
#pragma once

#include <span>

namespace jpegcompile {

// The orientation, 1 to 8, that the content of an APP1 segment stores in its first image file
// directory (tag 0x0112); 0 where it is no EXIF or does not say.
[[nodiscard]] int exif_orientation(std::span<const unsigned char> content) noexcept;

}  // namespace jpegcompile
