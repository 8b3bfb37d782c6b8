#include "finish.h"

#include "../native/dct.h"
#include "epilogue.h"

namespace jpegcompile {
namespace {

// At block size 1 a row is finished pixel by pixel.
template <typename V>
JPEGCOMPILE_INLINE void finish_row(const Finish& task, int64_t row, int lane) {
  const float* sums = task.sums + row * task.sums_pitch + lane;
  float* output = task.output + row * task.output_pitch + lane;
  const float* residual =
      task.residual == nullptr ? nullptr : task.residual + row * task.residual_pitch + lane;
  for (int64_t column = 0; column < task.width; ++column) {
    V pixel[1] = {load<V>(sums + column * kLanes)};
    add_bias<1>(pixel, task.epilogue, lane);
    if (residual != nullptr) pixel[0] += load<V>(residual + column * kLanes);
    activate<1>(pixel, task.epilogue, lane);
    store(output + column * kLanes, pixel[0]);
  }
}

// What one tile reads and writes, at its first pixel and a vector of its channels.
struct Tile {
  const float* sums;
  const float* residual;
  float* output;
  float* middle;  // [B][B][16] between the passes
};

// Rows of coefficients, of the sums, the residual or both, to half a transform.
template <int B, typename V>
JPEGCOMPILE_INLINE void inverse_rows_of(const Finish& task, const Tile& tile) {
  for (int row = 0; row < B; ++row) {
    V line[B];
#pragma GCC unroll 8
    for (int column = 0; column < B; ++column) line[column] = V{};
    if (task.are_coefficients) {
#pragma GCC unroll 8
      for (int column = 0; column < B; ++column) {
        line[column] = load<V>(tile.sums + row * task.sums_pitch + column * kLanes);
      }
    }
    if (task.residual != nullptr) {
#pragma GCC unroll 8
      for (int column = 0; column < B; ++column) {
        line[column] += load<V>(tile.residual + row * task.residual_pitch + column * kLanes);
      }
    }
    Dct<B>::inverse(line);
#pragma GCC unroll 8
    for (int column = 0; column < B; ++column) {
      store(tile.middle + (row * B + column) * kLanes, line[column]);
    }
  }
}

// Columns to pixels, through bias and activation, and back.
template <int B, typename V>
JPEGCOMPILE_INLINE void activate_columns(const Finish& task, const Tile& tile, bool has_middle,
                                         int lane) {
  for (int column = 0; column < B; ++column) {
    float* middle = tile.middle + column * kLanes;
    V pixels[B];
#pragma GCC unroll 8
    for (int row = 0; row < B; ++row) pixels[row] = V{};
    if (has_middle) {
#pragma GCC unroll 8
      for (int row = 0; row < B; ++row) pixels[row] = load<V>(middle + row * B * kLanes);
      Dct<B>::inverse(pixels);
    }
    if (!task.are_coefficients) {
#pragma GCC unroll 8
      for (int row = 0; row < B; ++row) {
        pixels[row] += load<V>(tile.sums + row * task.sums_pitch + column * kLanes);
      }
    }
    add_bias<B>(pixels, task.epilogue, lane);
    activate<B>(pixels, task.epilogue, lane);
    Dct<B>::forward(pixels);
#pragma GCC unroll 8
    for (int row = 0; row < B; ++row) store(middle + row * B * kLanes, pixels[row]);
  }
}

// The other half of the transform; with no activation the residual is added to coefficients.
template <int B, typename V>
JPEGCOMPILE_INLINE void forward_rows(const Finish& task, const Tile& tile, bool adds_residual) {
  for (int row = 0; row < B; ++row) {
    V line[B];
#pragma GCC unroll 8
    for (int column = 0; column < B; ++column) {
      line[column] = load<V>(tile.middle + (row * B + column) * kLanes);
    }
    Dct<B>::forward(line);
    if (adds_residual) {
#pragma GCC unroll 8
      for (int column = 0; column < B; ++column) {
        line[column] += load<V>(tile.residual + row * task.residual_pitch + column * kLanes);
      }
    }
#pragma GCC unroll 8
    for (int column = 0; column < B; ++column) {
      store(tile.output + row * task.output_pitch + column * kLanes, line[column]);
    }
  }
}

// Coefficients stay coefficients: the bias acts on the first one only.
template <int B, typename V>
JPEGCOMPILE_INLINE void copy_coefficients(const Finish& task, const Tile& tile, int lane) {
  for (int row = 0; row < B; ++row) {
    for (int column = 0; column < B; ++column) {
      V value = load<V>(tile.sums + row * task.sums_pitch + column * kLanes);
      if (task.residual != nullptr) {
        value += load<V>(tile.residual + row * task.residual_pitch + column * kLanes);
      }
      if (row == 0 && column == 0) {
        value += load<V>(task.epilogue.bias + lane) * static_cast<float>(B);
      }
      store(tile.output + row * task.output_pitch + column * kLanes, value);
    }
  }
}

template <int B, typename V>
JPEGCOMPILE_INLINE void finish_tile(const Finish& task, int64_t row, int64_t column, int lane) {
  alignas(64) float middle[B * B * kLanes];
  const bool is_linear = task.epilogue.activation == Activation::kNone;
  const int64_t shift = column * kLanes + lane;
  const Tile tile{task.sums + row * task.sums_pitch + shift,
                  task.residual == nullptr ? nullptr
                                           : task.residual + row * task.residual_pitch + shift,
                  task.output + row * task.output_pitch + shift, middle + lane};
  if (is_linear && task.are_coefficients) return copy_coefficients<B, V>(task, tile, lane);
  const bool is_inverted = !is_linear && (task.are_coefficients || task.residual != nullptr);
  if (is_inverted) inverse_rows_of<B, V>(task, tile);
  activate_columns<B, V>(task, tile, is_inverted, lane);
  forward_rows<B, V>(task, tile, is_linear && task.residual != nullptr);
}

template <int B, typename V>
JPEGCOMPILE_INLINE void finish_tiles(const Finish& task) {
  for (int64_t row = 0; row < task.rows; row += B) {
    for (int64_t column = 0; column < task.width; column += B) {
      for (int lane = 0; lane < kLanes; lane += kWidth<V>) {
        finish_tile<B, V>(task, row, column, lane);
      }
    }
  }
}

template <typename Isa>
JPEGCOMPILE_INLINE void finish_body(const Finish& task) {
  using V = typename Isa::Vector;
  switch (task.block) {
    case 8:
      return finish_tiles<8, V>(task);
    case 4:
      return finish_tiles<4, V>(task);
    case 2:
      return finish_tiles<2, V>(task);
    default:
      for (int64_t row = 0; row < task.rows; ++row) {
        for (int lane = 0; lane < kLanes; lane += kWidth<V>) finish_row<V>(task, row, lane);
      }
  }
}

}  // namespace

JPEGCOMPILE_MULTIVERSION(finish, finish_body, Finish)

}  // namespace jpegcompile
