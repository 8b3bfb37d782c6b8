// The integer decode: from quantized coefficients to exactly the 8-bit integers of Pillow.
#pragma once

#include <cstdint>
#include <span>

#include "jpeg/block_rows.h"
#include "preprocess/placement.h"

namespace jpegcompile {

// Pixels of Pillow's `Image.open(...).convert("RGB")`, with channels in either order, or of
// `.convert("L")`: the luma of RGB pixels for a color file, the file's own samples for a gray file.
enum class PixelColor { kRgb, kBgr, kGray };

int64_t channels_of(PixelColor color);

// Decodes a file, converts its color, and resizes, crops, rotates and flips it as `placement` says.
// Writes the pixels to `out`, [channels][rows.length][columns.length]. They are equal, bit for bit,
// to the result of Pillow 13 with its libjpeg-turbo 3 (islow inverse DCT, fancy upsampling).
//
// `fill` contains one value for each channel, for pixels outside of the image. Rows of MCUs below
// the last shown row are not read, so damage in them is not detected.
// jpegcompile/dct/integer_decode.py defines the integers, and explains where other builds of Pillow
// differ.
//
// Throws ReadError for fractional sampling factors, which libjpeg does not support. Throws
// std::invalid_argument if the placement is for another image size, or if Pillow does not have its
// filter. Throws what `rows` throws.
void decode_integers(BlockRows& rows, const Placement& placement, PixelColor color,
                     std::span<const uint8_t> fill, uint8_t* out);

}  // namespace jpegcompile
