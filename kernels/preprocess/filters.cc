#include "preprocess/filters.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>

namespace jpegcompile {

void Taps::reserve(size_t outputs, size_t weights) {
  runs_.reserve(outputs);
  weights_.reserve(weights);
}

void Taps::add(int64_t first, const std::vector<double>& weights) {
  const auto is_used = [](double weight) { return weight != 0.0; };
  const auto begin = std::ranges::find_if(weights, is_used);
  const auto end = std::find_if(weights.rbegin(), weights.rend(), is_used).base();
  if (begin >= end) {
    runs_.push_back({});
    return;
  }
  runs_.push_back({first + (begin - weights.begin()), end - begin, weights_.size()});
  weights_.insert(weights_.end(), begin, end);
}

void Taps::reverse_outputs() { std::ranges::reverse(runs_); }

void Taps::reverse_inputs(int64_t size) {
  for (Run& run : runs_) {
    run.first = size - run.first - run.count;
    const auto begin = weights_.begin() + static_cast<ptrdiff_t>(run.offset);
    std::reverse(begin, begin + run.count);
  }
}

namespace {

double sinc(double x) {
  if (x == 0.0) return 1.0;
  const double angle = std::numbers::pi * x;
  return std::sin(angle) / angle;
}

double box(double x) { return x > -0.5 && x <= 0.5 ? 1.0 : 0.0; }

double triangle(double x) { return std::max(1.0 - std::abs(x), 0.0); }

double hamming(double x) {
  x = std::abs(x);
  return x < 1.0 ? sinc(x) * (0.54 + 0.46 * std::cos(std::numbers::pi * x)) : 0.0;
}

double lanczos(double x) { return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3.0) : 0.0; }

// Keys' convolution kernel (IEEE Trans. ASSP 29, 1981) with its parameter `a`, in quarters.
template <int kQuarters>
double keys(double x) {
  constexpr double a = kQuarters / 4.0;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
  return x < 2.0 ? (((x - 5.0) * x + 8.0) * x - 4.0) * a : 0.0;
}

using Window = double (*)(double);

// Its half width is in pixels of the smaller of the two images.
struct Antialiased {
  Window window;
  double support;
};

Antialiased antialiased(Interpolation interpolation) {
  switch (interpolation) {
    case Interpolation::kBox:
      return {box, 0.5};
    case Interpolation::kHamming:
      return {hamming, 1.0};
    case Interpolation::kBicubic:
      return {keys<-2>, 2.0};
    case Interpolation::kLanczos:
      return {lanczos, 3.0};
    default:
      return {triangle, 1.0};
  }
}

// Outputs [first, last) of an axis, which show the image.
struct Shown {
  int64_t first, last;
};

double scale_of(const AxisPlacement& axis) {
  return static_cast<double>(axis.source) / static_cast<double>(axis.target);
}

int64_t clamped(int64_t place, const AxisPlacement& axis) {
  return std::clamp<int64_t>(place, 0, axis.source - 1);
}

// Pillow's and torch's antialiased resize: the window grows as the image shrinks.
void windowed(const AxisPlacement& axis, Shown shown, Taps& taps) {
  const auto [window, support] = antialiased(axis.filter.interpolation);
  const double scale = scale_of(axis), stretch = std::max(scale, 1.0), reach = support * stretch;
  const double shrink = 1.0 / stretch;
  std::vector<double> weights;
  for (int64_t output = shown.first; output < shown.last; ++output) {
    const double center = (static_cast<double>(output) + 0.5) * scale;
    const int64_t first = std::max<int64_t>(static_cast<int64_t>(center - reach + 0.5), 0);
    const int64_t last =
        std::min<int64_t>(static_cast<int64_t>(center + reach + 0.5), axis.source);
    weights.clear();
    double sum = 0.0;
    for (int64_t place = first; place < last; ++place) {
      sum += weights.emplace_back(window((static_cast<double>(place) - center + 0.5) * shrink));
    }
    for (double& weight : weights) weight /= sum;
    taps.add(first, weights);
  }
}

// Unantialiased: the 2 * reach nearest pixels, edge pixels repeated.
void interpolated(const AxisPlacement& axis, Shown shown, Window window, int reach, Taps& taps) {
  const double scale = scale_of(axis);
  std::vector<double> weights;
  for (int64_t output = shown.first; output < shown.last; ++output) {
    const double position = (static_cast<double>(output) + 0.5) * scale - 0.5;
    const auto below = static_cast<int64_t>(std::floor(position));
    const int64_t first = clamped(below + 1 - reach, axis);
    weights.assign(static_cast<size_t>(clamped(below + reach, axis) - first + 1), 0.0);
    for (int64_t place = below + 1 - reach; place <= below + reach; ++place) {
      weights[static_cast<size_t>(clamped(place, axis) - first)] +=
          window(static_cast<double>(place) - position);
    }
    taps.add(first, weights);
  }
}

// The mean over what an output covers of the image.
void areas(const AxisPlacement& axis, Shown shown, Taps& taps) {
  const double scale = scale_of(axis);
  std::vector<double> weights;
  for (int64_t output = shown.first; output < shown.last; ++output) {
    const double begin = static_cast<double>(output) * scale;
    const double end =
        std::min(static_cast<double>(output + 1) * scale, static_cast<double>(axis.source));
    const auto first = static_cast<int64_t>(std::floor(begin));
    weights.clear();
    double sum = 0.0;
    for (int64_t place = first; static_cast<double>(place) < end; ++place) {
      const double covered = std::min(end, static_cast<double>(place + 1)) -
                             std::max(begin, static_cast<double>(place));
      sum += weights.emplace_back(std::max(covered, 0.0));
    }
    for (double& weight : weights) weight /= sum;
    taps.add(first, weights);
  }
}

void pillow_nearest(const AxisPlacement& axis, Shown shown, Taps& taps) {
  // Pillow adds the scale up, and its rounding decides between two neighbours that are as near.
  const double scale = scale_of(axis);
  double position = scale * 0.5;
  for (int64_t output = 0; output < shown.last; ++output, position += scale) {
    if (output >= shown.first) taps.add(clamped(static_cast<int64_t>(position), axis), {1.0});
  }
}

void floor_nearest(const AxisPlacement& axis, Shown shown, Taps& taps) {
  const double scale = scale_of(axis);
  for (int64_t output = shown.first; output < shown.last; ++output) {
    const double position = std::floor(static_cast<double>(output) * scale);
    taps.add(clamped(static_cast<int64_t>(position), axis), {1.0});
  }
}

void opencv_bilinear(const AxisPlacement& axis, Shown shown, Taps& taps) {
  interpolated(axis, shown, triangle, 1, taps);
}

void opencv_bicubic(const AxisPlacement& axis, Shown shown, Taps& taps) {
  interpolated(axis, shown, keys<-3>, 2, taps);
}

using Resampling = void (*)(const AxisPlacement&, Shown, Taps&);

struct Entry {
  ResizeLibrary library;
  Interpolation interpolation;
  bool antialias;  // of torchvision alone, true elsewhere
  Resampling resampling;
};

constexpr Entry kEntries[] = {
    {ResizeLibrary::kPillow, Interpolation::kNearest, true, pillow_nearest},
    {ResizeLibrary::kPillow, Interpolation::kBox, true, windowed},
    {ResizeLibrary::kPillow, Interpolation::kBilinear, true, windowed},
    {ResizeLibrary::kPillow, Interpolation::kHamming, true, windowed},
    {ResizeLibrary::kPillow, Interpolation::kBicubic, true, windowed},
    {ResizeLibrary::kPillow, Interpolation::kLanczos, true, windowed},
    {ResizeLibrary::kOpenCv, Interpolation::kNearest, true, floor_nearest},
    {ResizeLibrary::kOpenCv, Interpolation::kBilinear, true, opencv_bilinear},
    {ResizeLibrary::kOpenCv, Interpolation::kBicubic, true, opencv_bicubic},
    {ResizeLibrary::kOpenCv, Interpolation::kArea, true, areas},
};

Resampling resampling_of(const ResizeFilter& filter) {
  const bool antialias = filter.library != ResizeLibrary::kTorchvision || filter.antialias;
  for (const Entry& entry : kEntries) {
    if (entry.library == filter.library && entry.interpolation == filter.interpolation &&
        entry.antialias == antialias) {
      return entry.resampling;
    }
  }
  throw std::invalid_argument("there is no such resize filter");
}

}  // namespace

void check_filter(const ResizeFilter& filter) { static_cast<void>(resampling_of(filter)); }

Taps taps_of(const AxisPlacement& axis) {
  const Resampling resampling = resampling_of(axis.filter);
  const int64_t end = axis.start + axis.length;
  // Outputs before the image, of the image, and behind it.
  const Shown shown{std::clamp<int64_t>(0, axis.start, end),
                    std::clamp<int64_t>(axis.target, axis.start, end)};
  Taps taps;
  taps.reserve(static_cast<size_t>(axis.length), static_cast<size_t>(axis.length) * 4);
  for (int64_t output = axis.start; output < shown.first; ++output) taps.add(0, {});
  if (shown.first < shown.last && axis.source == axis.target) {
    for (int64_t output = shown.first; output < shown.last; ++output) taps.add(output, {1.0});
  } else if (shown.first < shown.last) {
    resampling(axis, shown, taps);
  }
  for (int64_t output = shown.last; output < end; ++output) taps.add(0, {});
  if (axis.is_mirrored) taps.reverse_inputs(axis.source);
  if (axis.is_flipped) taps.reverse_outputs();
  return taps;
}

}  // namespace jpegcompile
