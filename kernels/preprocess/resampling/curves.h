// The curves by which pixels are weighted, as functions of their distance from an output.
#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>

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

// Of three lobes, the sine of a triple angle takes no sine of its own.
template <>
inline double lanczos<3>(double x) {
  if (x < -3.0 || x >= 3.0) return 0.0;
  if (x == 0.0) return 1.0;
  const double angle = std::numbers::pi * x / 3.0, sine = std::sin(angle);
  return sine * sine * (3.0 - 4.0 * sine * sine) / (3.0 * angle * angle);
}

// Keys' convolution kernel (IEEE Trans. ASSP 29, 1981) with its parameter `a`, in quarters.
template <int kQuarters>
double keys(double x) {
  constexpr double a = kQuarters / 4.0;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
  return x < 2.0 ? (((x - 5.0) * x + 8.0) * x - 4.0) * a : 0.0;
}

}  // namespace jpegcompile
