// From quantised coefficients to the very 8-bit integers that Pillow gives.
#pragma once

#include <cstdint>
#include <span>

#include "jpeg/block_rows.h"
#include "preprocess/placement.h"

namespace jpegcompile {

// What Pillow's `Image.open(...).convert("RGB")` has, in either order of its channels, or what
// `.convert("L")` has: of a colour file the luma of its RGB pixels, of a grey file the file's own.
enum class PixelColor { kRgb, kBgr, kGray };

int64_t channels_of(PixelColor color);

// `out` is [channels][rows.length][columns.length]. It equals, bit for bit, what Pillow 13 with its
// libjpeg-turbo 3 (islow inverse DCT, fancy upsampling) gives for the file: converted, turned as
// `placement` says, resized, cropped and flipped. `fill` holds a value for each channel, in their
// order, for what is outside of the image. Rows of MCUs below the last one that is shown are not
// read, and so not checked. jpegcompile/dct/integer_decode.py defines the integers, and says where
// other builds of Pillow differ.
//
// Throws ReadError for sampling by fractions, which libjpeg refuses; std::invalid_argument where
// the placement is of another size than the file, or of a filter that Pillow does not have; and
// what `rows` throws.
void decode_integers(BlockRows& rows, const Placement& placement, PixelColor color,
                     std::span<const uint8_t> fill, uint8_t* out);

}  // namespace jpegcompile
