#include "reference.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <stdexcept>

namespace jpegcompile::reference {
namespace {

void for_all(const Map& map, const auto& action) {
  for (int64_t n = 0; n < map.batch; ++n) {
    for (int64_t c = 0; c < map.channels; ++c) {
      for (int64_t y = 0; y < map.height; ++y) {
        for (int64_t x = 0; x < map.width; ++x) action(n, c, y, x);
      }
    }
  }
}

// An element of D in X = D x D^T.
double basis(int64_t frequency, int64_t pixel, int64_t block) {
  const auto side = static_cast<double>(block);
  const double scale = std::sqrt((frequency == 0 ? 1 : 2) / side);
  const double angle = std::numbers::pi * static_cast<double>((2 * pixel + 1) * frequency);
  return scale * std::cos(angle / (2 * side));
}

Map transform(const Map& x, int64_t block, bool is_inverse) {
  return separable(x, axis_matrix(x.height, block, is_inverse),
                   axis_matrix(x.width, block, !is_inverse));
}

// Products with a zero of a matrix are zero, even for NaN.
double product(double factor, double value) { return factor == 0 ? 0 : factor * value; }

Map left_product(const Map& matrix, const Map& x) {
  Map made(x.batch, x.channels, matrix.height, x.width);
  for_all(made, [&](int64_t n, int64_t c, int64_t row, int64_t column) {
    double sum = 0;
    for (int64_t i = 0; i < x.height; ++i) {
      sum += product(matrix.at(0, 0, row, i), x.at(n, c, i, column));
    }
    made.at(n, c, row, column) = sum;
  });
  return made;
}

Map right_product(const Map& x, const Map& matrix) {
  Map made(x.batch, x.channels, x.height, matrix.width);
  for_all(made, [&](int64_t n, int64_t c, int64_t row, int64_t column) {
    double sum = 0;
    for (int64_t i = 0; i < x.width; ++i) {
      sum += product(matrix.at(0, 0, i, column), x.at(n, c, row, i));
    }
    made.at(n, c, row, column) = sum;
  });
  return made;
}

}  // namespace

Map axis_matrix(int64_t side, int64_t block, bool is_transposed) {
  if (side % block != 0) throw std::logic_error("a case has no whole tiles");
  Map matrix(1, 1, side, side);
  for (int64_t first = 0; first < side; first += block) {
    for (int64_t u = 0; u < block; ++u) {
      for (int64_t i = 0; i < block; ++i) {
        matrix.at(0, 0, first + (is_transposed ? i : u), first + (is_transposed ? u : i)) =
            basis(u, i, block);
      }
    }
  }
  return matrix;
}

double largest(const Map& map) {
  double most = 0;
  for (const double value : map.values) most = std::max(most, std::abs(value));
  return most;
}

Map each(const Map& map, const std::function<double(double)>& f) {
  Map made = map;
  std::ranges::transform(map.values, made.values.begin(), f);
  return made;
}

Map both(const Map& a, const Map& b, const std::function<double(double, double)>& f) {
  Map made = a;
  std::ranges::transform(a.values, b.values, made.values.begin(), f);
  return made;
}

Map each_channel(const Map& map, const std::function<double(double, int64_t, int64_t)>& f) {
  Map made = map;
  for_all(map, [&](int64_t n, int64_t c, int64_t y, int64_t x) {
    made.at(n, c, y, x) = f(map.at(n, c, y, x), n, c);
  });
  return made;
}

Map to_jpeg(const Map& pixels, int64_t block) { return transform(pixels, block, false); }

Map to_spatial(const Map& coefficients, int64_t block) {
  return transform(coefficients, block, true);
}

Map band_of(const Map& coefficients, int64_t block, int64_t frequencies) {
  Map made = coefficients;
  for_all(made, [&](int64_t n, int64_t c, int64_t y, int64_t x) {
    if (y % block + x % block >= frequencies) made.at(n, c, y, x) = 0;
  });
  return made;
}

void add_to_dc(Map& map, int64_t block, const std::function<double(int64_t, int64_t)>& f) {
  for_all(map, [&](int64_t n, int64_t c, int64_t y, int64_t x) {
    if (y % block == 0 && x % block == 0) map.at(n, c, y, x) += f(n, c);
  });
}

int64_t Window::outputs(int axis, int64_t side) const {
  const auto i = static_cast<size_t>(axis);
  return (side + pads[i] + pads[i + 2] - dilations[i] * (kernel[i] - 1) - 1) / strides[i] + 1;
}

Map convolve(const Map& x, const Map& weight, const Window& window, int64_t group) {
  Map made(x.batch, weight.batch, window.outputs(0, x.height), window.outputs(1, x.width));
  const int64_t outputs_each = weight.batch / group;
  for_all(made, [&](int64_t n, int64_t c, int64_t row, int64_t column) {
    double sum = 0;
    for_all(Map(1, weight.channels, weight.height, weight.width),
            [&](int64_t, int64_t input, int64_t i, int64_t j) {
              const int64_t y = row * window.strides[0] - window.pads[0] + i * window.dilations[0];
              const int64_t z =
                  column * window.strides[1] - window.pads[1] + j * window.dilations[1];
              if (y < 0 || y >= x.height || z < 0 || z >= x.width) return;
              sum += weight.at(c, input, i, j) *
                     x.at(n, c / outputs_each * weight.channels + input, y, z);
            });
    made.at(n, c, row, column) = sum;
  });
  return made;
}

Map max_pool(const Map& x, const Map& rough, const Window& window, double margin) {
  Map made(x.batch, x.channels, window.outputs(0, x.height), window.outputs(1, x.width));
  for_all(made, [&](int64_t n, int64_t c, int64_t row, int64_t column) {
    double best = std::numeric_limits<float>::lowest(), second = best, value = best;
    for (int64_t i = 0; i < window.kernel[0]; ++i) {
      for (int64_t j = 0; j < window.kernel[1]; ++j) {
        const int64_t y = row * window.strides[0] - window.pads[0] + i * window.dilations[0];
        const int64_t z = column * window.strides[1] - window.pads[1] + j * window.dilations[1];
        if (y < 0 || y >= x.height || z < 0 || z >= x.width) continue;
        const double seen = rough.at(n, c, y, z);
        if (seen > best) value = x.at(n, c, y, z);
        second = std::max(second, std::min(best, seen));
        best = std::max(best, seen);
      }
    }
    const bool is_certain = margin == 0 || best == second || best - second > margin;
    made.at(n, c, row, column) =
        is_certain ? value : std::numeric_limits<double>::quiet_NaN();
  });
  return made;
}

Map separable(const Map& x, const Map& rows, const Map& columns) {
  return right_product(left_product(rows, x), columns);
}

Map transposed(const Map& matrix) {
  Map made(matrix.batch, matrix.channels, matrix.width, matrix.height);
  for_all(made, [&](int64_t n, int64_t c, int64_t y, int64_t x) {
    made.at(n, c, y, x) = matrix.at(n, c, x, y);
  });
  return made;
}

Map space_to_depth(const Map& x, int64_t side) {
  Map made(x.batch, x.channels * side * side, x.height / side, x.width / side);
  for_all(made, [&](int64_t n, int64_t c, int64_t row, int64_t column) {
    const int64_t pixel = c / x.channels;
    made.at(n, c, row, column) =
        x.at(n, c % x.channels, row * side + pixel / side, column * side + pixel % side);
  });
  return made;
}

Map depth_to_space(const Map& x, int64_t side) {
  Map made(x.batch, x.channels / (side * side), x.height * side, x.width * side);
  for_all(made, [&](int64_t n, int64_t c, int64_t row, int64_t column) {
    const int64_t pixel = row % side * side + column % side;
    made.at(n, c, row, column) = x.at(n, pixel * made.channels + c, row / side, column / side);
  });
  return made;
}

}  // namespace jpegcompile::reference
