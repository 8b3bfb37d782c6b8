// Geometry of operators that apply one matrix to each axis of a map.
#pragma once

#include <cstdint>

#include "tiles/map.h"

namespace jpegcompile {

struct AxisSizes {
  int64_t rows, columns;
};

// Returns the output map for matrices with `taken` inputs and `made` outputs. Throws KernelError if
// the matrices do not fit the input map.
Map resampled(const Map& from, const AxisSizes& taken, const AxisSizes& made, int64_t group);

}  // namespace jpegcompile
