// The residual input of JpegScaleAddRelu and related operators.
#pragma once

#include "tiles/map.h"

namespace jpegcompile {

// Throws KernelError if its shape differs from x.
inline Map residual_map(const Shape& shape, const Map& x, int64_t group, int block,
                        int64_t frequencies) {
  if (!(shape == x.shape())) {
    throw KernelError("the residual has shape " + shape.text() + ", but x has shape " +
                      x.shape().text());
  }
  return Map::of(shape, group, block, frequencies, "residual");
}

}  // namespace jpegcompile
