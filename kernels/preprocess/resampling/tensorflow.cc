// tf.image.resize without antialiasing (tensorflow/core/kernels/image/resize_*_op.cc). Positions
// are float32, as in TensorFlow.
#include "preprocess/resampling/resampler.h"

namespace jpegcompile {
namespace {

// Number of steps per pixel in TensorFlow's table of bicubic weights.
constexpr double kTableSteps = 1024.0;

// Bicubic interpolation. Pixels outside of the image have weight 0.
void take_bicubic(const AxisPlacement& axis, Shown shown, float scale, AxisTaps& taps) {
  std::vector<double> weights(4);
  for (int64_t output = shown.first; output < shown.last; ++output) {
    const float position = (static_cast<float>(output) + 0.5F) * scale - 0.5F;
    const float below = std::floor(position);
    const double part = std::nearbyint(static_cast<double>(position - below) * kTableSteps);
    const int64_t first = static_cast<int64_t>(below) - 1;
    for (int64_t index = 0; index < 4; ++index) {
      const bool is_inside = first + index >= 0 && first + index < axis.source;
      const double distance = static_cast<double>(index - 1) - part / kTableSteps;
      weights[static_cast<size_t>(index)] = is_inside ? keys<-2>(distance) : 0.0;
    }
    AxisTaps::normalize(weights);
    taps.add_clamped(first, weights, axis.source);
  }
}

// The mean over the part of the image that an output covers. TensorFlow divides by `scale`, which
// differs from the sum of weights only by rounding.
void take_areas(const AxisPlacement& axis, Shown shown, float scale, AxisTaps& taps) {
  std::vector<double> weights;
  for (int64_t output = shown.first; output < shown.last; ++output) {
    const double begin = static_cast<float>(output) * scale;
    const double end = static_cast<float>(output + 1) * scale;
    const double first = std::floor(begin);
    weights.clear();
    for (double place = first; place < end; place += 1.0) {
      const bool ends_behind = place + 1.0 > end;
      const double covered = place < begin ? (ends_behind ? scale : place + 1.0 - begin)
                                           : (ends_behind ? end - place : 1.0);
      weights.push_back(covered);
    }
    // If an axis is enlarged so much that float32 cannot distinguish `begin` from `end`.
    if (weights.empty()) weights.push_back(1.0);
    AxisTaps::normalize(weights);
    taps.add_clamped(static_cast<int64_t>(first), weights, axis.source);
  }
}

}  // namespace

void resample_as_tensorflow(const AxisPlacement& axis, Shown shown, AxisTaps& taps) {
  const float scale = static_cast<float>(axis.source) / static_cast<float>(axis.target);
  const auto middle = [scale](int64_t output) {
    return (static_cast<float>(output) + 0.5F) * scale;
  };
  switch (axis.filter.interpolation) {
    case Interpolation::kNearest:
      return take_nearest(axis, shown, taps, middle);
    case Interpolation::kArea:
      return take_areas(axis, shown, scale, taps);
    case Interpolation::kBicubic:
      return take_bicubic(axis, shown, scale, taps);
    default:
      return interpolate(axis, shown, taps, triangle, 1,
                         [middle](int64_t output) { return middle(output) - 0.5F; });
  }
}

}  // namespace jpegcompile
