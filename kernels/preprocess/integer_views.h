// Computes a network's input with the integer decode, which reproduces libjpeg-turbo and Pillow.
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

// Writes all views of a file to `out`, one after another. Views are cut from one resized image if
// that image is not much larger than the views. Otherwise each view is decoded separately, so that
// memory does not grow with the image. Throws what `decode_integers` and `passes` throw.
void take_integers(Passes& passes, std::span<const Placement> views, const Integers& integers,
                   const NetworkNumbers& network, std::byte* out);

}  // namespace jpegcompile
