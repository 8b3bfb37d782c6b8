#include "conv/winograd.h"

#include <algorithm>

#include "tiles/isa.h"

namespace jpegcompile {
namespace {

// B^T d and A^T m along one axis (Cook and Toom's construction; Lavin and Gray, "Fast Algorithms
// for Convolutional Neural Networks"). M = 4 uses the points 0, +-a, +-1/a and infinity with a =
// sqrt(1/2): the same number of operations as with 1 and 2, and a fifth of the largest rounding
// error. M = 2 uses 0, +-1 and infinity.
constexpr double kPoint = 0.70710678118654752440;
constexpr float kA = static_cast<float>(kPoint), kB = static_cast<float>(2 * kPoint);

template <int M>
struct Points;

template <>
struct Points<4> {
  template <typename V>
  JPEGCOMPILE_INLINE static void input(V (&d)[6]) {
    const V even_a = d[4] - d[2] * 2.0F, odd_a = (d[3] - d[1] * 2.0F) * kA;
    const V even_b = d[4] - d[2] * 0.5F, odd_b = (d[3] - d[1] * 0.5F) * kB;
    const V first = d[0] + d[4] - d[2] * 2.5F;
    const V last = d[1] + d[5] - d[3] * 2.5F;
    d[0] = first;
    d[1] = even_a + odd_a;
    d[2] = even_a - odd_a;
    d[3] = even_b + odd_b;
    d[4] = even_b - odd_b;
    d[5] = last;
  }
  template <typename V>
  JPEGCOMPILE_INLINE static void output(const V (&m)[6], V (&y)[4]) {
    const V sum_a = m[1] + m[2], difference_a = (m[1] - m[2]) * kA;
    const V sum_b = m[3] + m[4], difference_b = (m[3] - m[4]) * kB;
    y[0] = m[0] + sum_a + sum_b;
    y[1] = difference_a + difference_b;
    y[2] = sum_a * 0.5F + sum_b * 2.0F;
    y[3] = difference_a * 0.5F + difference_b * 2.0F + m[5];
  }
};

template <>
struct Points<2> {
  template <typename V>
  JPEGCOMPILE_INLINE static void input(V (&d)[4]) {
    const V first = d[0] - d[2], last = d[3] - d[1];
    const V sum = d[1] + d[2], difference = d[2] - d[1];
    d[0] = first;
    d[1] = sum;
    d[2] = difference;
    d[3] = last;
  }
  template <typename V>
  JPEGCOMPILE_INLINE static void output(const V (&m)[4], V (&y)[2]) {
    y[0] = m[0] + m[1] + m[2];
    y[1] = m[1] - m[2] + m[3];
  }
};

template <int Size, typename V>
JPEGCOMPILE_INLINE void read_patch(const WinogradInput& task, int64_t row, int64_t column,
                                   int lane, V (&patch)[Size][Size]) {
  const float* origin = task.pixels + (row * task.width + column) * kLanes + lane;
  const int64_t pitch = task.width * kLanes;
  const bool is_inside = row >= 0 && column >= 0 && row + Size <= task.height &&
                         column + Size <= task.width;
  if (is_inside) {
#pragma GCC unroll 8
    for (int i = 0; i < Size; ++i) {
#pragma GCC unroll 8
      for (int j = 0; j < Size; ++j) patch[i][j] = load<V>(origin + i * pitch + j * kLanes);
    }
    return;
  }
  for (int i = 0; i < Size; ++i) {
    const bool has_row = row + i >= 0 && row + i < task.height;
    for (int j = 0; j < Size; ++j) {
      const bool has_pixel = has_row && column + j >= 0 && column + j < task.width;
      patch[i][j] = has_pixel ? load<V>(origin + i * pitch + j * kLanes) : V{};
    }
  }
}

template <int M, typename V>
JPEGCOMPILE_INLINE void input_tile(const WinogradInput& task, int64_t row, int64_t column, int lane,
                                   float* output) {
  constexpr int kSize = M + 2;
  V patch[kSize][kSize];
  read_patch<kSize>(task, row, column, lane, patch);
#pragma GCC unroll 8
  for (int i = 0; i < kSize; ++i) Points<M>::input(patch[i]);
#pragma GCC unroll 8
  for (int j = 0; j < kSize; ++j) {
    V line[kSize];
#pragma GCC unroll 8
    for (int i = 0; i < kSize; ++i) line[i] = patch[i][j];
    Points<M>::input(line);
#pragma GCC unroll 8
    for (int i = 0; i < kSize; ++i) store(output + (i * kSize + j) * task.point_stride, line[i]);
  }
}

template <int M, typename V>
JPEGCOMPILE_INLINE void input_tiles(const WinogradInput& task) {
  for (int64_t i = 0; i < task.tile_rows; ++i) {
    for (int64_t j = 0; j < task.tile_columns; ++j) {
      float* output = task.output + (i * task.tile_columns + j) * kLanes;
      for (int lane = 0; lane < kLanes; lane += kWidth<V>) {
        input_tile<M, V>(task, (task.tile_row + i) * M - task.top,
                         (task.tile_column + j) * M - task.left, lane, output + lane);
      }
    }
  }
}

template <typename Isa>
JPEGCOMPILE_INLINE void input_body(const WinogradInput& task) {
  using V = typename Isa::Vector;
  if (task.m == 4) return input_tiles<4, V>(task);
  return input_tiles<2, V>(task);
}

template <int M, typename V>
JPEGCOMPILE_INLINE void output_tile(const WinogradOutput& task, const float* sums, float* pixels,
                                    int64_t rows, int64_t columns) {
  constexpr int kSize = M + 2;
  V halves[kSize][M];
#pragma GCC unroll 8
  for (int i = 0; i < kSize; ++i) {
    V line[kSize];
#pragma GCC unroll 8
    for (int j = 0; j < kSize; ++j) line[j] = load<V>(sums + (i * kSize + j) * task.point_stride);
    Points<M>::output(line, halves[i]);
  }
#pragma GCC unroll 4
  for (int j = 0; j < M; ++j) {
    V line[kSize], result[M];
#pragma GCC unroll 8
    for (int i = 0; i < kSize; ++i) line[i] = halves[i][j];
    Points<M>::output(line, result);
#pragma GCC unroll 4
    for (int i = 0; i < M; ++i) {
      if (i < rows && j < columns) store(pixels + i * task.pitch + j * kLanes, result[i]);
    }
  }
}

template <int M, typename V>
JPEGCOMPILE_INLINE void output_tiles(const WinogradOutput& task) {
  for (int64_t i = 0; i < task.tile_rows; ++i) {
    for (int64_t j = 0; j < task.tile_columns; ++j) {
      for (int lane = 0; lane < kLanes; lane += kWidth<V>) {
        output_tile<M, V>(task, task.sums + (i * task.tile_columns + j) * kLanes + lane,
                          task.pixels + i * M * task.pitch + j * M * kLanes + lane,
                          task.rows - i * M, task.width - j * M);
      }
    }
  }
}

template <typename Isa>
JPEGCOMPILE_INLINE void output_body(const WinogradOutput& task) {
  using V = typename Isa::Vector;
  if (task.m == 4) return output_tiles<4, V>(task);
  return output_tiles<2, V>(task);
}

// Rows of G: 1, p, p^2 divided by the product of the differences from the other points.
constexpr double kKernel4[6][3] = {{1, 0, 0},
                                   {-2.0 / 3, -2.0 / 3 * kPoint, -1.0 / 3},
                                   {-2.0 / 3, 2.0 / 3 * kPoint, -1.0 / 3},
                                   {1.0 / 6, 1.0 / 3 * kPoint, 1.0 / 3},
                                   {1.0 / 6, -1.0 / 3 * kPoint, 1.0 / 3},
                                   {0, 0, 1}};
constexpr double kKernel2[4][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};

}  // namespace

void transform_kernel(int m, const float (&kernel)[9], float* transformed) {
  const int size = m + 2;
  const double(*matrix)[3] = m == 4 ? kKernel4 : kKernel2;
  for (int i = 0; i < size; ++i) {
    double line[3] = {};
    for (int column = 0; column < 3; ++column) {
      for (int row = 0; row < 3; ++row) line[column] += matrix[i][row] * kernel[row * 3 + column];
    }
    for (int j = 0; j < size; ++j) {
      double sum = 0;
      for (int column = 0; column < 3; ++column) sum += line[column] * matrix[j][column];
      transformed[i * size + j] = static_cast<float>(sum);
    }
  }
}

JPEGCOMPILE_MULTIVERSION(winograd_input, input_body, WinogradInput)
JPEGCOMPILE_MULTIVERSION(winograd_output, output_body, WinogradOutput)

}  // namespace jpegcompile
