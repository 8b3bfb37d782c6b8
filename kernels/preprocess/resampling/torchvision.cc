// torch.nn.functional.interpolate on float32, which torchvision uses to resize tensors
// (aten/src/ATen/native/cpu/UpSampleKernel.cpp and UpSample.h).
#include "preprocess/resampling/resampler.h"

namespace jpegcompile {

void resample_as_torchvision(const AxisPlacement& axis, Shown shown, AxisTaps& taps) {
  const float scale = static_cast<float>(axis.source) / static_cast<float>(axis.target);
  const bool is_bicubic = axis.filter.interpolation == Interpolation::kBicubic;
  // These products are exact in float64, so each position is rounded only once.
  const auto shifted = [scale](int64_t output, double shift) {
    return (static_cast<double>(output) + shift) * static_cast<double>(scale);
  };
  const auto middle = [shifted](int64_t output) {
    return static_cast<float>(shifted(output, 0.5));
  };
  if (axis.filter.interpolation == Interpolation::kNearest) {
    return take_nearest(axis, shown, taps, [shifted](int64_t output) {
      return static_cast<float>(shifted(output, 0.0));
    });
  }
  if (axis.filter.interpolation == Interpolation::kNearestExact) {
    return take_nearest(axis, shown, taps, middle);
  }
  if (axis.filter.antialias) {
    const FilterWindow window =
        is_bicubic ? FilterWindow{series<keys<-2>>, 4} : FilterWindow{series<triangle>, 2};
    return antialias(axis, shown, taps, window, scale, middle);
  }
  interpolate(axis, shown, taps, is_bicubic ? keys<-3> : triangle, is_bicubic ? 2 : 1,
              [shifted](int64_t output) {
                return static_cast<float>(shifted(output, 0.5) - 0.5);
              });
}

}  // namespace jpegcompile
