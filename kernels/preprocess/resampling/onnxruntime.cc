// The ONNX operator Resize on float32, as ONNX Runtime's CPU provider computes it; see
// jpegcompile/dct/resampling/onnxruntime.py.
#include "preprocess/resampling/resampler.h"

namespace jpegcompile {
namespace {

struct Mode {
  Curve curve;
  int half_width;
  bool drops_outside;
};

Mode mode_of(Interpolation interpolation) {
  switch (interpolation) {
    case Interpolation::kBilinearInside:
      return {triangle, 1, true};
    case Interpolation::kBicubic:
      return {keys<-3>, 2, false};
    case Interpolation::kBicubicInside:
      return {keys<-3>, 2, true};
    case Interpolation::kCatmullRom:
      return {keys<-2>, 2, false};
    case Interpolation::kCatmullRomInside:
      return {keys<-2>, 2, true};
    default:
      return {triangle, 1, false};
  }
}

}  // namespace

void resample_as_onnxruntime(const AxisPlacement& axis, Shown shown, AxisTaps& taps) {
  const Mode mode = mode_of(axis.filter.interpolation);
  const float growth = static_cast<float>(axis.target) / static_cast<float>(axis.source);
  const float stretch = axis.filter.antialias ? std::max(1.0F / growth, 1.0F) : 1.0F;
  const float reach = static_cast<float>(mode.half_width) * stretch;
  const double shrink = 1.0 / static_cast<double>(stretch);
  std::vector<double> weights;
  for (int64_t output = shown.first; output < shown.last; ++output) {
    const float position = (static_cast<float>(output) + 0.5F) / growth - 0.5F;
    const float center = 0.5F + position;
    const auto end = [](float edge) { return static_cast<int64_t>(std::floor(edge + 0.5F)); };
    int64_t first = static_cast<int64_t>(std::floor(position)) + 1 - mode.half_width;
    int64_t last = first + 2 * static_cast<int64_t>(mode.half_width);
    if (axis.filter.antialias) {
      first = end(center - reach);
      last = end(center + reach);
    }
    // Position 0 is the center of a pixel, and not its edge, unless the resize antialiases.
    const double middle = axis.filter.antialias ? static_cast<double>(center) - 0.5
                                                : static_cast<double>(position);
    weights.clear();
    for (int64_t place = first; place < last; ++place) {
      const bool is_inside = place >= 0 && place < axis.source;
      const double distance = (static_cast<double>(place) - middle) * shrink;
      weights.push_back(mode.drops_outside && !is_inside ? 0.0 : mode.curve(distance));
    }
    AxisTaps::normalize(weights);
    taps.add_clamped(first, weights, axis.source);
  }
}

}  // namespace jpegcompile
