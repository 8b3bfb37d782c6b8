#include "arithmetic/scale_add_relu.h"

#include "tiles/tiles.h"

namespace jpegcompile {
namespace {

// Addresses of one tile, from one vector of its channels on.
struct Tile {
  const float* x;
  const float* residual;
  float* y;
};

// Computes the first half of the inverse transform of the sum. Returns the number of rows with
// coefficients.
template <int B, bool kIsWhole, typename V>
JPEGCOMPILE_INLINE int sum_rows(const ScaleAddRelu& task, const Tile& tile, const V& scale,
                                float* middle) {
  const TileLayout &x_at = task.x.at, &residual_at = task.residual.at;
  const int rows = kIsWhole ? B : std::max(x_at.rows, residual_at.rows);
  for (int row = 0; row < rows; ++row) {
    const int scaled = count_of<B, kIsWhole>(x_at, row);
    const int added = count_of<B, kIsWhole>(residual_at, row);
    V line[B];
    load_band(tile.x + row_of(x_at, row), scaled, line);
#pragma GCC unroll 8
    for (int column = 0; column < B; ++column) line[column] *= scale;
    add_band(tile.residual + row_of(residual_at, row), added, line);
    inverse_known(kIsWhole ? B : std::max(scaled, added), line);
    store_line(middle + row * B * kLanes, line);
  }
  return rows;
}

template <int B, bool kIsWhole, typename V>
JPEGCOMPILE_INLINE void finish_tile(const ScaleAddRelu& task, const Tile& tile, const V& scale) {
  alignas(64) float middle[B * B * kLanes];
  const int known = sum_rows<B, kIsWhole>(task, tile, scale, middle);
  const int wanted = kIsWhole ? B : std::min(task.frequencies, B);
  for (int column = 0; column < B; ++column) {
    float* from = middle + column * kLanes;
    V line[B];
    inverse_first(known, from, B * kLanes, line);
#pragma GCC unroll 8
    for (int row = 0; row < B; ++row) line[row] = line[row] < 0 ? V{} : line[row];
    forward_first(wanted, line, from, B * kLanes);
  }
  finish_forward<B, kIsWhole, V>(middle, task.frequencies, task.y_at, tile.y);
}

template <int B, bool kIsWhole, typename V>
JPEGCOMPILE_INLINE void finish_tiles(const ScaleAddRelu& task) {
  for (int64_t row = 0; row < task.rows / B; ++row) {
    for (int64_t column = 0; column < task.width / B; ++column) {
      for (int lane = 0; lane < kLanes; lane += kWidth<V>) {
        const auto place = [&](const TileLayout& at) {
          return row * at.tile_row + column * at.tile + lane;
        };
        finish_tile<B, kIsWhole>(
            task,
            {task.x.first + place(task.x.at), task.residual.first + place(task.residual.at),
             task.y + place(task.y_at)},
            load<V>(task.scale + lane));
      }
    }
  }
}

template <int B, typename Isa>
struct Finish {
  JPEGCOMPILE_INLINE static void run(const ScaleAddRelu& task) {
    using V = typename Isa::Vector;
    if constexpr (B > 1) {
      const bool has_all = is_whole(task.x.at, B) && is_whole(task.residual.at, B) &&
                           is_whole(task.y_at, B) && task.frequencies >= 2 * B - 1;
      if (!has_all) return finish_tiles<B, false, V>(task);
    }
    finish_tiles<B, true, V>(task);
  }
};

template <typename Isa>
JPEGCOMPILE_INLINE void scale_add_relu_body(const ScaleAddRelu& task) {
  for_block<Finish, Isa>(task.block, task);
}

}  // namespace

JPEGCOMPILE_MULTIVERSION(scale_add_relu, scale_add_relu_body, ScaleAddRelu)

}  // namespace jpegcompile
