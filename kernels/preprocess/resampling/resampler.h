// Functions that the resamplers of several libraries share.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "preprocess/placement.h"
#include "preprocess/resampling/curves.h"
#include "preprocess/resampling/taps.h"

namespace jpegcompile {

// Outputs [first, last) of a resized axis, which show the image.
struct Shown {
  int64_t first, last;
};

// Adds the taps of the outputs `shown`, computed with the filter of the axis.
using Resampler = void (*)(const AxisPlacement& axis, Shown shown, AxisTaps& taps);

void resample_as_pillow(const AxisPlacement& axis, Shown shown, AxisTaps& taps);
void resample_as_opencv(const AxisPlacement& axis, Shown shown, AxisTaps& taps);
void resample_as_tensorflow(const AxisPlacement& axis, Shown shown, AxisTaps& taps);
void resample_as_torchvision(const AxisPlacement& axis, Shown shown, AxisTaps& taps);
void resample_as_onnxruntime(const AxisPlacement& axis, Shown shown, AxisTaps& taps);
void resample_by_low_frequencies(const AxisPlacement& axis, Shown shown, AxisTaps& taps);

// Adds one pixel for each output: the pixel that contains `position(output)`.
template <typename Position>
void take_nearest(const AxisPlacement& axis, Shown shown, AxisTaps& taps, Position position) {
  for (int64_t output = shown.first; output < shown.last; ++output) {
    taps.add_one(static_cast<int64_t>(std::floor(position(output))), axis.source);
  }
}

// Interpolation without antialiasing from the 2 * reach nearest pixels. Edge pixels are repeated.
// Position 0 is the center of the first pixel.
template <typename Position>
void interpolate(const AxisPlacement& axis, Shown shown, AxisTaps& taps, Curve curve, int reach,
                 Position position) {
  std::vector<double> weights(static_cast<size_t>(2 * reach));
  for (int64_t output = shown.first; output < shown.last; ++output) {
    const double center = position(output);
    const int64_t first = static_cast<int64_t>(std::floor(center)) + 1 - reach;
    for (size_t index = 0; index < weights.size(); ++index) {
      weights[index] = curve(static_cast<double>(first + static_cast<int64_t>(index)) - center);
    }
    taps.add_clamped(first, weights, axis.source);
  }
}

// A filter kernel, and half of its width in half pixels of the smaller of the two images.
struct FilterWindow {
  Series values;
  int half_width_in_halves;
};

// Resampling with antialiasing as in Pillow and PyTorch: the window grows when the image shrinks.
// `Real` is the type of `scale` and `center(output)`; its rounding determines the ends of windows.
// Position 0 is the edge of the image.
template <typename Real, typename Center>
void antialias(const AxisPlacement& axis, Shown shown, AxisTaps& taps, FilterWindow window,
               Real scale, Center center) {
  const Real stretch = std::max(scale, Real{1});
  const Real reach = stretch * (static_cast<Real>(window.half_width_in_halves) / 2);
  const double shrink = 1.0 / static_cast<double>(stretch);
  const auto rounded = [](Real end) {
    return static_cast<int64_t>(static_cast<double>(end) + 0.5);
  };
  const auto most = static_cast<size_t>(2 * reach) + 2;
  taps.reserve(0, static_cast<size_t>(shown.last - shown.first) * most);
  std::vector<double> weights;
  weights.reserve(most);
  for (int64_t output = shown.first; output < shown.last; ++output) {
    const Real middle = center(output);
    const int64_t first = std::max<int64_t>(rounded(middle - reach), 0);
    const int64_t last = std::min<int64_t>(rounded(middle + reach), axis.source);
    weights.resize(static_cast<size_t>(std::max<int64_t>(last - first, 0)));
    window.values({first, static_cast<double>(middle), shrink}, weights);
    AxisTaps::normalize(weights);
    taps.add(first, weights);
  }
}

}  // namespace jpegcompile
