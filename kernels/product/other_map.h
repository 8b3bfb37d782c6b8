// The second map of JpegMul, JpegMax and JpegMin.
#pragma once

#include <algorithm>

#include "tiles/map.h"

namespace jpegcompile {

// Returns the second map. A map of one channel or one image broadcasts to all channels or images of
// x. Constants may lack leading dimensions. Throws KernelError for a shape that does not match x.
inline Map fitting_map(const Shape& shape, const Map& x, int64_t group) {
  Shape whole{1, 1, 1, 1};
  if (shape.rank() > whole.rank()) return Map::of(shape, group, "other");
  int64_t* extents = whole.resize(4);
  const size_t missing = 4 - shape.rank();
  std::fill_n(extents, missing, 1);
  std::copy_n(shape.data(), shape.rank(), extents + missing);
  const Map other = Map::of(whole, group, "other");
  Map wanted = x;
  if (other.channels == 1) wanted.channels = 1;
  if (other.batch == 1) wanted.batch = 1;
  if (other.shape() == wanted.shape()) return other;
  throw KernelError("other of shape " + shape.text() + " does not match x of shape " +
                    x.shape().text());
}

}  // namespace jpegcompile
