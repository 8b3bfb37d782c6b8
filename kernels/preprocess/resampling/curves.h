// Filter kernels: the weight of a pixel as a function of its distance from an output.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>

namespace jpegcompile {

using Curve = double (*)(double);

inline double sinc(double x) {
  if (x == 0.0) return 1.0;
  const double angle = std::numbers::pi * x;
  return std::sin(angle) / angle;
}

inline double box(double x) { return x > -0.5 && x <= 0.5 ? 1.0 : 0.0; }

inline double triangle(double x) { return std::max(1.0 - std::abs(x), 0.0); }

inline double hamming(double x) {
  x = std::abs(x);
  return x < 1.0 ? sinc(x) * (0.54 + 0.46 * std::cos(std::numbers::pi * x)) : 0.0;
}

template <int kLobes>
double lanczos(double x) {
  return x >= -kLobes && x < kLobes ? sinc(x) * sinc(x / kLobes) : 0.0;
}

// Keys' convolution kernel (IEEE Trans. ASSP 29, 1981). Its parameter `a` is kQuarters / 4.
template <int kQuarters>
double keys(double x) {
  constexpr double a = kQuarters / 4.0;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
  return x < 2.0 ? (((x - 5.0) * x + 8.0) * x - 4.0) * a : 0.0;
}

// Consecutive pixels, beginning with `first`, near an output whose center is at `middle`. Pixel i
// has its center at i + 0.5. `shrink` is the length of a pixel on the curve.
struct Stretch {
  int64_t first = 0;
  double middle = 0.0, shrink = 1.0;

  double place(size_t index) const {
    return (static_cast<double>(first + static_cast<int64_t>(index)) - middle + 0.5) * shrink;
  }
};

// Computes the values of a curve at the pixels of a stretch.
using Series = void (*)(const Stretch& stretch, std::span<double> values);

template <Curve kCurve>
void series(const Stretch& stretch, std::span<double> values) {
  for (size_t index = 0; index < values.size(); ++index) {
    values[index] = kCurve(stretch.place(index));
  }
}

// Lanczos with three lobes, optimized. One sine is enough, since sin(3a) follows from sin(a).
// Angles are equally spaced, so most sines follow from the previous one; this halves the time.
// Sines are computed directly where the curve divides by a small angle, and every kSteps pixels.
// This keeps the error below 1e-13.
template <>
inline void series<lanczos<3>>(const Stretch& stretch, std::span<double> values) {
  constexpr double kSmall = 0.0625;
  constexpr size_t kSteps = 16;
  const double turn = std::numbers::pi * stretch.shrink / 3.0;
  const double turned_sine = std::sin(turn), turned_cosine = std::cos(turn);
  double sine = 0.0, cosine = 1.0;
  for (size_t index = 0; index < values.size(); ++index) {
    const double x = stretch.place(index), angle = std::numbers::pi * x / 3.0;
    if (index % kSteps == 0 || std::abs(angle) < kSmall) {
      sine = std::sin(angle);
      cosine = std::cos(angle);
    }
    const bool is_inside = x >= -3.0 && x < 3.0;
    const double value = sine * sine * (3.0 - 4.0 * sine * sine) / (3.0 * angle * angle);
    values[index] = !is_inside ? 0.0 : x == 0.0 ? 1.0 : value;
    const double next = sine * turned_cosine + cosine * turned_sine;
    cosine = cosine * turned_cosine - sine * turned_sine;
    sine = next;
  }
}

}  // namespace jpegcompile
