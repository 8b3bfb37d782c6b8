// What each pixel of a resized and cropped axis takes of the pixels of an image, in float64; the
// definitions are those of jpegcompile/dct/filters.py.
#pragma once

#include "preprocess/placement.h"
#include "preprocess/resampling/taps.h"

namespace jpegcompile {

// Throws std::invalid_argument if the library has no such filter.
void check_filter(const ResizeFilter& filter);

// What every output of a placed axis takes of the image, of an axis as the file stores it.
AxisTaps taps_of(const AxisPlacement& axis);

}  // namespace jpegcompile
