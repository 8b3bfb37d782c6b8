// The forward DCT of tiles in registers.
#pragma once

#include "preprocess/steps.h"
#include "tiles/dct.h"
#include "tiles/isa.h"

namespace jpegcompile {

// Transforms every tile of B vectors among eight vectors.
template <int B, typename V>
JPEGCOMPILE_INLINE void transform_tiles(V (&vectors)[kGroup]) {
#pragma GCC unroll 8
  for (int tile = 0; tile < kGroup; tile += B) {
    V values[B];
#pragma GCC unroll 8
    for (int index = 0; index < B; ++index) values[index] = vectors[tile + index];
    Dct<B>::forward(values);
#pragma GCC unroll 8
    for (int index = 0; index < B; ++index) vectors[tile + index] = values[index];
  }
}

}  // namespace jpegcompile
