// Operators computed by simple loops in double precision.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

namespace jpegcompile::reference {

struct Map {
  Map() = default;
  Map(int64_t batch, int64_t channels, int64_t height, int64_t width)
      : batch(batch),
        channels(channels),
        height(height),
        width(width),
        values(static_cast<size_t>(batch * channels * height * width)) {}

  double& at(int64_t n, int64_t c, int64_t y, int64_t x) {
    return values[static_cast<size_t>(((n * channels + c) * height + y) * width + x)];
  }
  double at(int64_t n, int64_t c, int64_t y, int64_t x) const {
    return const_cast<Map&>(*this).at(n, c, y, x);
  }

  int64_t batch = 0, channels = 0, height = 0, width = 0;
  std::vector<double> values;
};

// The largest magnitude; 0 for an empty map.
double largest(const Map& map);

// f(value) for each value.
Map each(const Map& map, const std::function<double(double)>& f);
// f(a, b) for each pair of values of two maps of the same shape.
Map both(const Map& a, const Map& b, const std::function<double(double, double)>& f);
// f(value, n, c) for each value.
Map each_channel(const Map& map, const std::function<double(double, int64_t, int64_t)>& f);

// The orthonormal DCT-II of every tile, and its inverse.
Map to_jpeg(const Map& pixels, int64_t block);
Map to_spatial(const Map& coefficients, int64_t block);

// The matrix that transforms an axis of `side` pixels to coefficients, multiplied from the left; or
// its transpose, which inverts it.
Map axis_matrix(int64_t side, int64_t block, bool is_transposed);

// Coefficients with u + v < frequencies; others become zero.
Map band_of(const Map& coefficients, int64_t block, int64_t frequencies);

// Adds f(n, c) to the DC coefficients.
void add_to_dc(Map& map, int64_t block, const std::function<double(int64_t, int64_t)>& f);

// Pairs are along H and W. Pads are the begins along H and W, then the ends along H and W.
struct Window {
  std::array<int64_t, 2> kernel{1, 1}, strides{1, 1};
  std::array<int64_t, 4> pads{};
  std::array<int64_t, 2> dilations{1, 1};

  int64_t outputs(int axis, int64_t side) const;
};

// Cross-correlation; `weight` is OIHW.
Map convolve(const Map& x, const Map& weight, const Window& window, int64_t group);

// For each window, the value of `x` where `rough` is largest; the first one in row-major order. NaN
// if the second largest value of `rough` differs from the largest by at most `margin`.
Map max_pool(const Map& x, const Map& rough, const Window& window, double margin);

// rows x columns, with a left matrix [outputs][inputs] and a right one [inputs][outputs].
Map separable(const Map& x, const Map& rows, const Map& columns);

// Exchanges rows and columns.
Map transposed(const Map& matrix);

Map space_to_depth(const Map& x, int64_t side);
Map depth_to_space(const Map& x, int64_t side);

}  // namespace jpegcompile::reference
