// Follows Pillow's src/libImaging/Resample.c and, for "nearest", Geometry.c. Operations on doubles
// are the same and in the same order, since their rounding decides between integers.
#include "preprocess/integer/windows.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>

namespace jpegcompile::integer {
namespace {

constexpr int32_t kOne = 1 << kWeightBits;

double box(double x) { return x > -0.5 && x <= 0.5 ? 1.0 : 0.0; }

double bilinear(double x) {
  x = std::abs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

double hamming(double x) {
  x = std::abs(x);
  if (x == 0.0) return 1.0;
  if (x >= 1.0) return 0.0;
  x = x * std::numbers::pi;
  return std::sin(x) / x * (0.54f + 0.46f * std::cos(x));
}

double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

double sinc(double x) {
  if (x == 0.0) return 1.0;
  x = x * std::numbers::pi;
  return std::sin(x) / x;
}

double lanczos(double x) { return -3.0 <= x && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0; }

struct Kernel {
  double (*weight)(double);
  double support;
};

Kernel kernel_of(const ResizeFilter& filter) {
  if (filter.library == ResizeLibrary::kPillow) {
    switch (filter.interpolation) {
      case Interpolation::kBox:
        return {box, 0.5};
      case Interpolation::kBilinear:
        return {bilinear, 1.0};
      case Interpolation::kHamming:
        return {hamming, 1.0};
      case Interpolation::kBicubic:
        return {bicubic, 2.0};
      case Interpolation::kLanczos:
        return {lanczos, 3.0};
      default:
        break;
    }
  }
  throw std::invalid_argument(
      "Pillow has no such resize filter; decoder libjpeg-turbo requires a filter of Pillow");
}

// The outputs [begin, end) of the resized axis that are shown.
struct Shown {
  int64_t begin, end;
};

void add_nearest(const AxisPlacement& axis, const Shown& shown, Windows& windows) {
  const double scale = static_cast<double>(axis.source) / static_cast<double>(axis.target);
  double position = 0.0 + scale * 0.5;
  windows.size = 1;
  for (int64_t output = 0; output < shown.end; ++output, position += scale) {
    if (output < shown.begin) continue;
    const auto pixel = std::min(static_cast<int64_t>(position), axis.source - 1);
    windows.windows.push_back({pixel, 1});
    windows.weights.push_back(kOne);
  }
}

void add_copy(const Shown& shown, Windows& windows) {
  windows.size = 1;
  for (int64_t output = shown.begin; output < shown.end; ++output) {
    windows.windows.push_back({output, 1});
    windows.weights.push_back(kOne);
  }
}

int32_t rounded(double weight) {
  return static_cast<int32_t>(weight * kOne + (weight < 0 ? -0.5 : 0.5));
}

void add_filtered(const AxisPlacement& axis, const Shown& shown, Windows& windows) {
  const Kernel kernel = kernel_of(axis.filter);
  const double scale = static_cast<double>(axis.source) / static_cast<double>(axis.target);
  const double filter_scale = std::max(scale, 1.0);
  const double support = kernel.support * filter_scale;
  const double inverse_scale = 1.0 / filter_scale;
  windows.size = std::min(static_cast<int64_t>(std::ceil(support)) * 2 + 1, axis.source);
  windows.is_copy = false;
  windows.weights.resize(static_cast<size_t>((shown.end - shown.begin) * windows.size));
  std::vector<double> weights(static_cast<size_t>(windows.size));
  int32_t* to = windows.weights.data();
  for (int64_t output = shown.begin; output < shown.end; ++output, to += windows.size) {
    const double center = (static_cast<double>(output) + 0.5) * scale;
    const auto first = std::max<int64_t>(static_cast<int64_t>(center - support + 0.5), 0);
    const auto end = std::min(static_cast<int64_t>(center + support + 0.5), axis.source);
    double sum = 0.0;
    for (int64_t pixel = first; pixel < end; ++pixel) {
      const double offset = static_cast<double>(pixel) - center + 0.5;
      sum += weights[static_cast<size_t>(pixel - first)] = kernel.weight(offset * inverse_scale);
    }
    for (int64_t i = 0; i < end - first; ++i) {
      const double weight = weights[static_cast<size_t>(i)];
      to[i] = rounded(sum == 0.0 ? weight : weight / sum);
    }
    windows.windows.push_back({first, end - first});
  }
}

// Converts windows on the displayed axis to windows on the stored axis, which is reversed.
void mirror(const AxisPlacement& axis, Windows& windows) {
  std::ranges::reverse(windows.windows);
  std::ranges::reverse(windows.weights);
  for (int64_t i = 0; i < windows.count(); ++i) {
    Windows::Window& window = windows.windows[static_cast<size_t>(i)];
    window.first = axis.source - window.first - window.count;
    // The reversal has moved the unused weights of a window from its end to its start.
    int32_t* weights = windows.weights.data() + i * windows.size;
    std::rotate(weights, weights + windows.size - window.count, weights + windows.size);
  }
}

}  // namespace

Windows windows_of(const AxisPlacement& axis) {
  Windows windows;
  const Shown shown{std::max<int64_t>(axis.start, 0),
                    std::min(axis.start + axis.length, axis.target)};
  if (shown.begin >= shown.end) return windows;
  if (axis.source == axis.target) {
    add_copy(shown, windows);
  } else if (axis.filter == ResizeFilter{Interpolation::kNearest, ResizeLibrary::kPillow,
                                         axis.filter.antialias}) {
    add_nearest(axis, shown, windows);
  } else {
    add_filtered(axis, shown, windows);
  }
  if (axis.is_mirrored) mirror(axis, windows);
  windows.is_reversed = axis.is_mirrored != axis.is_flipped;
  const int64_t begin = shown.begin - axis.start;
  windows.begin = axis.is_flipped ? axis.length - begin - windows.count() : begin;
  return windows;
}

}  // namespace jpegcompile::integer
