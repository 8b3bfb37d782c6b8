// From the integers of libjpeg-turbo and Pillow to a network's input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "preprocess/integer/integer_decode.h"
#include "preprocess/passes.h"
#include "preprocess/pixels.h"
#include "preprocess/placement.h"
#include "preprocess/plan.h"

namespace jpegcompile {

struct Integers {
  PixelColor color = PixelColor::kRgb;
  std::vector<uint8_t> fill;  // [channels]
  PixelNumbers numbers;
};

// Writes each view of a file to `out`, one behind the other. They are cut from one resized image
// where that is not much larger than they are; else each is decoded by itself, so that memory does
// not grow with the image. Throws what `decode_integers` throws, and what `passes` throws.
void take_integers(Passes& passes, std::span<const Placement> views, const Integers& integers,
                   const NetworkNumbers& network, std::byte* out);

}  // namespace jpegcompile
