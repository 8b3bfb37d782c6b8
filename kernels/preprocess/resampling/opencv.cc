// OpenCV's cv::resize on float32 planes (modules/imgproc/src/resize.cpp).
#include "preprocess/resampling/resampler.h"

namespace jpegcompile {
namespace {

// "area" ignores pixels of which an output covers less than this, in pixels.
constexpr double kSliver = 1e-3;

// "area" if no axis grows: the mean over the part of the image that an output covers, without
// slivers.
void take_areas(const AxisPlacement& axis, Shown shown, double scale, AxisTaps& taps) {
  const auto size = static_cast<double>(axis.source);
  std::vector<double> weights;
  for (int64_t output = shown.first; output < shown.last; ++output) {
    const double begin = static_cast<double>(output) * scale, end = begin + scale;
    const double width = std::min(scale, size - begin);
    const double last = std::min(std::floor(end), size - 1.0);
    const double whole = std::min(std::ceil(begin), last);
    weights.clear();
    weights.push_back(whole - begin > kSliver ? whole - begin : 0.0);
    weights.resize(1 + static_cast<size_t>(last - whole), 1.0);
    const double rest = std::min(std::min(end - last, 1.0), width);
    weights.push_back(end - last > kSliver ? rest : 0.0);
    AxisTaps::normalize(weights);
    taps.add_clamped(static_cast<int64_t>(whole) - 1, weights, axis.source);
  }
}

// "area" if at least one axis grows; OpenCV then uses this interpolation on both axes.
void enlarge_areas(const AxisPlacement& axis, Shown shown, double scale, AxisTaps& taps) {
  const double growth = static_cast<double>(axis.target) / static_cast<double>(axis.source);
  interpolate(axis, shown, taps, triangle, 1, [=](int64_t output) {
    const double below = std::floor(static_cast<double>(output) * scale);
    const double part = static_cast<double>(output + 1) - (below + 1.0) * growth;
    // OpenCV rounds to float32 before it subtracts the whole part, so values just below 1 become 0.
    const auto rounded = static_cast<double>(static_cast<float>(part));
    return below + (rounded <= 0.0 ? 0.0 : rounded - std::floor(rounded));
  });
}

// OpenCV's INTER_LANCZOS4.
void take_lanczos(const AxisPlacement& axis, Shown shown, double scale, AxisTaps& taps) {
  constexpr int kReach = 4;
  std::vector<double> weights(2 * kReach);
  for (int64_t output = shown.first; output < shown.last; ++output) {
    // OpenCV rounds centers to float32: 0.0001 pixels in an image of several thousand pixels.
    const double center = static_cast<float>((static_cast<double>(output) + 0.5) * scale - 0.5);
    const int64_t first = static_cast<int64_t>(std::floor(center)) + 1 - kReach;
    for (size_t index = 0; index < weights.size(); ++index) {
      const auto place = static_cast<double>(first + static_cast<int64_t>(index));
      weights[index] = lanczos<kReach>(place - center);
    }
    AxisTaps::normalize(weights);
    taps.add_clamped(first, weights, axis.source);
  }
}

}  // namespace

void resample_as_opencv(const AxisPlacement& axis, Shown shown, AxisTaps& taps) {
  const double scale = 1.0 / (static_cast<double>(axis.target) / static_cast<double>(axis.source));
  const auto middle = [scale](int64_t output) {
    return (static_cast<double>(output) + 0.5) * scale - 0.5;
  };
  switch (axis.filter.interpolation) {
    case Interpolation::kNearest:
      return take_nearest(axis, shown, taps, [scale](int64_t output) {
        return static_cast<double>(output) * scale;
      });
    case Interpolation::kArea:
      return take_areas(axis, shown, scale, taps);
    case Interpolation::kAreaEnlarging:
      return enlarge_areas(axis, shown, scale, taps);
    case Interpolation::kLanczos:
      return take_lanczos(axis, shown, scale, taps);
    case Interpolation::kBicubic:
      return interpolate(axis, shown, taps, keys<-3>, 2, middle);
    default:
      return interpolate(axis, shown, taps, triangle, 1, middle);
  }
}

}  // namespace jpegcompile
