// Runs the steps on tiles of maps that learn, in memory of exactly their size, with one thread and
// with three, and compares the results with the definition of the DCT in double precision. Built
// with the sanitizers; `--fault memory` and `--fault threads` show that these find what is wrong.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <numbers>
#include <random>
#include <string_view>
#include <thread>
#include <vector>

#include "learning/tiles.h"

namespace {

using namespace jpegcompile;

// Sixteen products of float32 numbers of about 1, twice.
constexpr double kTolerance = 8e-6;

struct Shape {
  std::int64_t images, channels, height, width;
  int block;

  std::int64_t size() const { return images * channels * height * width; }
};

// Every block size; fewer channels than lanes, as many, and more.
constexpr Shape kShapes[] = {
    {2, 5, 8, 16, 8}, {1, 16, 12, 4, 4}, {3, 19, 6, 2, 2}, {1, 33, 16, 8, 8}, {2, 4, 3, 5, 1}};
// Enough work for three threads.
constexpr Shape kLarge = {3, 33, 64, 64, 8};
constexpr TileStep kSteps[] = {TileStep::kForward, TileStep::kInverse, TileStep::kProject,
                               TileStep::kRelu, TileStep::kMasked};

using Tile = std::vector<double>;  // block x block numbers

// Returns the orthonormal DCT-II of an axis as a matrix.
Tile dct_of(int block) {
  Tile matrix(block * block);
  for (int u = 0; u < block; ++u) {
    const double scale = std::sqrt((u == 0 ? 1.0 : 2.0) / block);
    for (int x = 0; x < block; ++x) {
      matrix[u * block + x] =
          scale * std::cos(std::numbers::pi * (2 * x + 1) * u / (2 * block));
    }
  }
  return matrix;
}

// Returns the DCT along both axes of a tile, or its inverse.
Tile transformed(const Tile& tile, int block, bool is_inverse) {
  static const Tile kDcts[] = {dct_of(1), dct_of(2), dct_of(4), dct_of(8)};
  const Tile& dct = kDcts[std::countr_zero(static_cast<unsigned>(block))];
  const auto factor = [&](int i, int j) {
    return is_inverse ? dct[j * block + i] : dct[i * block + j];
  };
  Tile rows(tile.size()), made(tile.size());
  for (int i = 0; i < block; ++i) {
    for (int j = 0; j < block; ++j) {
      for (int k = 0; k < block; ++k) rows[i * block + j] += factor(i, k) * tile[k * block + j];
    }
  }
  for (int i = 0; i < block; ++i) {
    for (int j = 0; j < block; ++j) {
      for (int k = 0; k < block; ++k) made[i * block + j] += rows[i * block + k] * factor(j, k);
    }
  }
  return made;
}

Tile in_band(Tile tile, int block, int frequencies) {
  for (int i = 0; i < block * block; ++i) {
    if (i / block + i % block >= frequencies) tile[i] = 0;
  }
  return tile;
}

// A step on memory of its own.
struct Run {
  Shape shape;
  TileWork work;
  std::unique_ptr<float[]> from, to;
  std::unique_ptr<std::uint8_t[]> mask;

  Run(const Shape& shape, TileStep step, bool is_channels_last, int frequencies, float slope)
      : shape(shape),
        from(std::make_unique<float[]>(shape.size())),
        to(std::make_unique<float[]>(shape.size())),
        mask(std::make_unique<std::uint8_t[]>(shape.size())) {
    std::mt19937 random(5);
    std::normal_distribution<float> normal;
    for (std::int64_t i = 0; i < shape.size(); ++i) {
      from[i] = normal(random);
      to[i] = std::numeric_limits<float>::quiet_NaN();
      mask[i] = normal(random) < 0 ? 1 : 0;
    }
    work.step = step;
    work.from = from.get();
    work.to = to.get();
    work.mask = mask.get();
    work.images = shape.images;
    work.channels = shape.channels;
    work.height = shape.height;
    work.width = shape.width;
    work.is_channels_last = is_channels_last;
    work.block = shape.block;
    work.frequencies = frequencies;
    work.slope = slope;
  }

  std::int64_t place(std::int64_t plane, std::int64_t y, std::int64_t x) const {
    const std::int64_t image = plane / shape.channels, channel = plane % shape.channels;
    if (work.is_channels_last) {
      return ((image * shape.height + y) * shape.width + x) * shape.channels + channel;
    }
    return (plane * shape.height + y) * shape.width + x;
  }

  // Returns the largest error; NaN if an element was not written.
  double error() const {
    double most = 0;
    for (std::int64_t plane = 0; plane < shape.images * shape.channels; ++plane) {
      for (std::int64_t y = 0; y < shape.height; y += shape.block) {
        for (std::int64_t x = 0; x < shape.width; x += shape.block) {
          const double own = error_of(plane, y, x);
          most = own <= most ? most : own;
          if (std::isnan(most)) return most;
        }
      }
    }
    return most;
  }

 private:
  double error_of(std::int64_t plane, std::int64_t top, std::int64_t left) const {
    const int block = shape.block, all = 2 * block - 1;
    const auto at = [&](int i) { return place(plane, top + i / block, left + i % block); };
    Tile given(block * block);
    for (int i = 0; i < block * block; ++i) given[i] = from[at(i)];
    Tile expected;
    switch (work.step) {
      case TileStep::kForward:
        expected = in_band(transformed(given, block, false), block, work.frequencies);
        break;
      case TileStep::kInverse:
        expected = transformed(in_band(given, block, work.frequencies), block, true);
        break;
      case TileStep::kProject:
        expected = in_band(transformed(given, block, false), block, work.frequencies);
        expected = transformed(expected, block, true);
        break;
      case TileStep::kRelu:
      case TileStep::kMasked: {
        const int frequencies = work.step == TileStep::kRelu ? work.frequencies : all;
        const Tile rough = transformed(in_band(given, block, frequencies), block, true);
        expected = transformed(given, block, true);
        for (int i = 0; i < block * block; ++i) {
          const bool is_masked = mask[at(i)] != 0;
          // Rounding may decide about pixels next to zero.
          if (work.step == TileStep::kRelu && std::abs(rough[i]) > kTolerance &&
              is_masked != (rough[i] <= 0)) {
            return std::numeric_limits<double>::infinity();
          }
          if (is_masked) expected[i] *= work.slope;
        }
        expected = transformed(expected, block, false);
      }
    }
    double most = 0;
    for (int i = 0; i < block * block; ++i) {
      const double own = std::abs(to[at(i)] - expected[i]);
      if (std::isnan(own)) return own;
      most = std::max(most, own);
    }
    return most;
  }
};

// Returns whether a step is right, and the same with several threads.
bool check(const Shape& shape, TileStep step, bool is_channels_last, int frequencies) {
  Run alone(shape, step, is_channels_last, frequencies, 0.25F);
  Run together(shape, step, is_channels_last, frequencies, 0.25F);
  run_tiles(alone.work, 1, nullptr);
  run_tiles(together.work, 3, nullptr);
  const auto count = static_cast<std::size_t>(shape.size());
  const bool is_same = std::memcmp(alone.to.get(), together.to.get(), sizeof(float) * count) == 0 &&
                       std::memcmp(alone.mask.get(), together.mask.get(), count) == 0;
  const double error = alone.error();
  if (is_same && error < kTolerance) return true;
  std::printf("step %d of %d channels, block %d, %d frequencies: error %g, %s with threads\n",
              static_cast<int>(step), static_cast<int>(shape.channels), shape.block, frequencies,
              error, is_same ? "the same" : "another result");
  return false;
}

int fault(std::string_view kind) {
  Run run(kShapes[0], TileStep::kForward, false, 15, 0);
  if (kind == "memory") {
    const auto less = std::make_unique<float[]>(run.shape.size() - 1);
    run.work.to = less.get();
    run_tiles(run.work, 1, nullptr);
    return 0;
  }
  std::jthread other([&run] { run_tiles(run.work, 1, nullptr); });
  run_tiles(run.work, 1, nullptr);
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  if (count == 3) return fault(arguments[2]);
  int steps = 0, wrong = 0;
  for (const TileStep step : kSteps) {
    for (const bool is_channels_last : {false, true}) {
      for (const Shape& shape : kShapes) {
        for (const int frequencies : {1, shape.block, 2 * shape.block - 1}) {
          ++steps;
          wrong += check(shape, step, is_channels_last, frequencies) ? 0 : 1;
        }
      }
      ++steps;
      wrong += check(kLarge, step, is_channels_last, kLarge.block) ? 0 : 1;
    }
  }
  std::printf("%d steps on tiles of maps that learn, %d of them wrong\n", steps, wrong);
  return wrong == 0 ? 0 : 1;
}
