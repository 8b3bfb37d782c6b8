#include "conv/finish.h"

#include <algorithm>

#include "conv/epilogue.h"
#include "tiles/dct.h"
#include "tiles/tiles.h"

namespace jpegcompile {
namespace {

// At block size 1 there is no transform, so a row is finished pixel by pixel.
template <typename V>
JPEGCOMPILE_INLINE void finish_row(const Finish& task, int64_t row, int lane) {
  const float* sums = task.sums + row * task.sums_at->tile_row + lane;
  float* output = task.output + row * task.output_at->tile_row + lane;
  const float* residual =
      task.residual == nullptr ? nullptr : task.residual + row * task.residual_at->tile_row + lane;
  for (int64_t column = 0; column < task.columns; ++column) {
    V pixel[1] = {load<V>(sums + column * kLanes)};
    add_bias<1>(pixel, task.epilogue, lane);
    if (residual != nullptr) pixel[0] += load<V>(residual + column * kLanes);
    activate<1>(pixel, task.epilogue, lane);
    store(output + column * kLanes, pixel[0]);
  }
}

// What one tile reads and writes, from one vector of its channels on.
struct Tile {
  const float* sums;
  const float* residual;
  float* output;
  float* middle;  // [B][B][16] between the passes
};

// Computes the first half of the inverse transform, on rows, of the sums, the residual, or both.
// Returns the number of rows.
template <int B, bool kIsWhole, typename V>
JPEGCOMPILE_INLINE int inverse_rows_of(const Finish& task, const Tile& tile) {
  const bool has_sums = task.are_coefficients, has_residual = task.residual != nullptr;
  const int rows = kIsWhole ? B
                            : std::max(has_sums ? task.sums_at->rows : 0,
                                       has_residual ? task.residual_at->rows : 0);
  for (int row = 0; row < rows; ++row) {
    const float* sums = has_sums ? tile.sums + row_of(*task.sums_at, row) : nullptr;
    const float* others = has_residual ? tile.residual + row_of(*task.residual_at, row) : nullptr;
    const int summed = has_sums ? count_of<B, kIsWhole>(*task.sums_at, row) : 0;
    const int added = has_residual ? count_of<B, kIsWhole>(*task.residual_at, row) : 0;
    V line[B];
    if (summed > 0 && added > 0) {
      load_band(sums, kIsWhole ? B : summed, line);
      add_band(others, kIsWhole ? B : added, line);
      inverse_known(kIsWhole ? B : std::max(summed, added), line);
    } else {
      inverse_first(kIsWhole ? B : summed + added, summed > 0 ? sums : others, kLanes, line);
    }
    store_line(tile.middle + row * B * kLanes, line);
  }
  return rows;
}

// Transforms columns to pixels, applies bias and activation, and transforms back. Reads `known`
// rows of half-transformed coefficients, and writes `wanted` rows.
template <int B, typename V>
JPEGCOMPILE_INLINE void activate_columns(const Finish& task, const Tile& tile, int known,
                                         int wanted, int lane) {
  for (int column = 0; column < B; ++column) {
    float* middle = tile.middle + column * kLanes;
    V pixels[B];
    if (known > 0) {
      inverse_first(known, middle, B * kLanes, pixels);
    } else {
#pragma GCC unroll 8
      for (int row = 0; row < B; ++row) pixels[row] = V{};
    }
    if (!task.are_coefficients) {
#pragma GCC unroll 8
      for (int row = 0; row < B; ++row) {
        pixels[row] += load<V>(tile.sums + row_of(*task.sums_at, row) + column * kLanes);
      }
    }
    add_bias<B>(pixels, task.epilogue, lane);
    activate<B>(pixels, task.epilogue, lane);
    forward_first(wanted, pixels, middle, B * kLanes);
  }
}

// Without an activation, the residual is added to the coefficients.
template <int B, bool kIsWhole, typename V>
JPEGCOMPILE_INLINE void add_residual(const Finish& task, const Tile& tile) {
  const int rows = kIsWhole ? B : std::min(task.residual_at->rows, task.output_at->rows);
  for (int row = 0; row < rows; ++row) {
    float* output = tile.output + row_of(*task.output_at, row);
    const float* residual = tile.residual + row_of(*task.residual_at, row);
    const int places = count_of<B, kIsWhole>(*task.output_at, row);
    const int added = std::min(count_of<B, kIsWhole>(*task.residual_at, row), places);
    V line[B];
    load_band(output, kIsWhole ? B : added, line);
    add_band(residual, kIsWhole ? B : added, line);
    store_band(output, kIsWhole ? B : added, line);
  }
}

// A 1x1 convolution without an activation only adds the bias to the sums.
template <int B, bool kIsWhole, typename V>
JPEGCOMPILE_INLINE void copy_coefficients(const Finish& task, const Tile& tile, int lane) {
  const int rows = kIsWhole ? B : task.output_at->rows;
  for (int row = 0; row < rows; ++row) {
    const float* sums = tile.sums + row_of(*task.sums_at, row);
    const int summed = count_of<B, kIsWhole>(*task.sums_at, row);
    V line[B];
    load_band(sums, kIsWhole ? B : summed, line);
    if (task.residual != nullptr) {
      const int added = count_of<B, kIsWhole>(*task.residual_at, row);
      add_band(tile.residual + row_of(*task.residual_at, row), kIsWhole ? B : added, line);
    }
    if (row == 0) line[0] += load<V>(task.epilogue.bias + lane) * static_cast<float>(B);
    const int places = count_of<B, kIsWhole>(*task.output_at, row);
    store_band(tile.output + row_of(*task.output_at, row), kIsWhole ? B : places, line);
  }
}

template <int B, bool kIsWhole, typename V>
JPEGCOMPILE_INLINE void finish_tile(const Finish& task, int64_t row, int64_t column, int lane) {
  alignas(64) float middle[B * B * kLanes];
  const auto place = [&](const TileLayout& at) {
    return row * at.tile_row + column * at.tile + lane;
  };
  const bool is_linear = task.epilogue.activation == Activation::kNone;
  const Tile tile{task.sums + place(*task.sums_at),
                  task.residual == nullptr ? nullptr : task.residual + place(*task.residual_at),
                  task.output + place(*task.output_at), middle + lane};
  if (is_linear && task.are_coefficients) {
    return copy_coefficients<B, kIsWhole, V>(task, tile, lane);
  }
  const bool is_inverted = !is_linear && (task.are_coefficients || task.residual != nullptr);
  const int known = is_inverted ? inverse_rows_of<B, kIsWhole, V>(task, tile) : 0;
  const int wanted = kIsWhole ? B : std::min(task.frequencies, B);
  activate_columns<B, V>(task, tile, known, wanted, lane);
  finish_forward<B, kIsWhole, V>(tile.middle, task.frequencies, *task.output_at, tile.output);
  if (is_linear && task.residual != nullptr) add_residual<B, kIsWhole, V>(task, tile);
}

template <int B, bool kIsWhole, typename V>
JPEGCOMPILE_INLINE void finish_tiles(const Finish& task) {
  for (int64_t row = 0; row < task.rows; ++row) {
    for (int64_t column = 0; column < task.columns; ++column) {
      for (int lane = 0; lane < kLanes; lane += kWidth<V>) {
        finish_tile<B, kIsWhole, V>(task, row, column, lane);
      }
    }
  }
}

bool is_whole(const Finish& task) {
  return is_whole(*task.sums_at, task.block) && is_whole(*task.output_at, task.block) &&
         (task.residual == nullptr || is_whole(*task.residual_at, task.block)) &&
         task.frequencies >= 2 * task.block - 1;
}

template <int B, typename V>
JPEGCOMPILE_INLINE void finish_blocks(const Finish& task) {
  if (is_whole(task)) return finish_tiles<B, true, V>(task);
  finish_tiles<B, false, V>(task);
}

template <typename Isa>
JPEGCOMPILE_INLINE void finish_body(const Finish& task) {
  using V = typename Isa::Vector;
  switch (task.block) {
    case 8:
      return finish_blocks<8, V>(task);
    case 4:
      return finish_blocks<4, V>(task);
    case 2:
      return finish_blocks<2, V>(task);
    default:
      for (int64_t row = 0; row < task.rows; ++row) {
        for (int lane = 0; lane < kLanes; lane += kWidth<V>) finish_row<V>(task, row, lane);
      }
  }
}

}  // namespace

JPEGCOMPILE_MULTIVERSION(finish, finish_body, Finish)

}  // namespace jpegcompile
