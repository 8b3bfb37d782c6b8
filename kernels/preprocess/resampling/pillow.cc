// Pillow's Image.resize (src/libImaging/Resample.c and, for "nearest", Geometry.c).
#include "preprocess/resampling/resampler.h"

namespace jpegcompile {
namespace {

FilterWindow window_of(Interpolation interpolation) {
  switch (interpolation) {
    case Interpolation::kBox:
      return {series<box>, 1};
    case Interpolation::kHamming:
      return {series<hamming>, 2};
    case Interpolation::kBicubic:
      return {series<keys<-2>>, 4};
    case Interpolation::kLanczos:
      return {series<lanczos<3>>, 6};
    default:
      return {series<triangle>, 2};
  }
}

}  // namespace

void resample_as_pillow(const AxisPlacement& axis, Shown shown, AxisTaps& taps) {
  const double scale = static_cast<double>(axis.source) / static_cast<double>(axis.target);
  if (axis.filter.interpolation != Interpolation::kNearest) {
    antialias(axis, shown, taps, window_of(axis.filter.interpolation), scale,
              [scale](int64_t output) { return (static_cast<double>(output) + 0.5) * scale; });
    return;
  }
  // Pillow computes positions by repeated addition. Its rounding error decides between two pixels
  // at the same distance, so positions are added up here in the same way.
  double position = scale * 0.5;
  for (int64_t output = 0; output < shown.first; ++output) position += scale;
  take_nearest(axis, shown, taps, [scale, &position](int64_t) {
    const double current = position;
    position += scale;
    return current;
  });
}

}  // namespace jpegcompile
