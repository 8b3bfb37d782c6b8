// The weights of the pixels of an image for each output of a resized and cropped axis, in float64.
// Filters are defined as in jpegcompile/dct/filters.py.
#pragma once

#include "preprocess/placement.h"
#include "preprocess/resampling/taps.h"

namespace jpegcompile {

// Throws std::invalid_argument if the library has no such filter.
void check_filter(const ResizeFilter& filter);

// Returns the taps of every output of an axis, on the pixels of the axis as the file stores it.
AxisTaps taps_of(const AxisPlacement& axis);

}  // namespace jpegcompile
