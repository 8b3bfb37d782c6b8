// From pixels that another decoder has made to a network's input.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "preprocess/plan.h"

namespace jpegcompile {

// [channels][256]: the network's number for every value of a pixel.
using PixelNumbers = std::vector<std::array<float, 256>>;

PixelNumbers pixel_numbers(const NetworkNumbers& network);

// Writes the network's input of one image to `out`, in its layout and its domain; `pixels` is
// [channels][height][width] of the network's size.
void take_pixels(const uint8_t* pixels, const PixelNumbers& numbers, const NetworkNumbers& network,
                 void* out);

}  // namespace jpegcompile
