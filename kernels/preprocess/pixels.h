// Computes a network's input from decoded pixels.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "preprocess/plan.h"

namespace jpegcompile {

// [channels][256]: the network's number for every pixel value.
using PixelNumbers = std::vector<std::array<float, 256>>;

PixelNumbers pixel_numbers(const NetworkNumbers& network);

// Writes the network's input of one image to `out`, in the network's layout and block size.
// `pixels` is [channels][height][width] and has the network's size.
void take_pixels(const uint8_t* pixels, const PixelNumbers& numbers, const NetworkNumbers& network,
                 void* out);

}  // namespace jpegcompile
