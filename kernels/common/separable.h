// The geometry of operators that are a matrix for each axis of a map.
#pragma once

#include <cstdint>

#include "tiles/map.h"

namespace jpegcompile {

struct AxisSizes {
  int64_t rows, columns;
};

// The map that matrices make of another, `taken` and `made` being their inputs and outputs. Throws
// KernelError if they do not fit the map.
Map resampled(const Map& from, const AxisSizes& taken, const AxisSizes& made, int64_t group);

}  // namespace jpegcompile
