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

template <int B, typename V>
JPEGCOMPILE_INLINE void read_tile(const float* from, int64_t pitch, float* tile) {
  for (int row = 0; row < B; ++row) {
#pragma GCC unroll 8
    for (int column = 0; column < B; ++column) {
      store(tile + (row * B + column) * kLanes, load<V>(from + row * pitch + column * kLanes));
    }
  }
}

template <int B, typename V>
JPEGCOMPILE_INLINE void add_tile(const float* from, int64_t pitch, float* tile) {
  for (int row = 0; row < B; ++row) {
#pragma GCC unroll 8
    for (int column = 0; column < B; ++column) {
      float* place = tile + (row * B + column) * kLanes;
      store<V>(place, load<V>(place) + load<V>(from + row * pitch + column * kLanes));
    }
  }
}

template <int B, bool Inverse, typename V>
JPEGCOMPILE_INLINE void transform(float* tile) {
  transform_tile<B, Inverse, V>(tile, B * kLanes, kLanes, tile, B * kLanes, kLanes);
}

template <int B, typename V>
JPEGCOMPILE_INLINE void activate_tile(const Finish& task, float* tile, int lane) {
  for (int row = 0; row < B; ++row) {
    float* line = tile + row * B * kLanes;
    V pixels[B];
#pragma GCC unroll 8
    for (int column = 0; column < B; ++column) pixels[column] = load<V>(line + column * kLanes);
    add_bias<B>(pixels, task.epilogue, lane);
    activate<B>(pixels, task.epilogue, lane);
#pragma GCC unroll 8
    for (int column = 0; column < B; ++column) store(line + column * kLanes, pixels[column]);
  }
}

// Everything is brought to pixels, if there is an activation, and to coefficients again.
template <int B, typename V>
JPEGCOMPILE_INLINE void finish_tile(const Finish& task, int64_t row, int64_t column, int lane) {
  alignas(64) float storage[B * B * kLanes];
  alignas(64) float residual_storage[B * B * kLanes];
  float* tile = storage + lane;
  float* residual_tile = residual_storage + lane;
  const bool has_residual = task.residual != nullptr;
  const float* residual = task.residual + row * task.residual_pitch + column * kLanes + lane;
  read_tile<B, V>(task.sums + row * task.sums_pitch + column * kLanes + lane, task.sums_pitch,
                  tile);
  if (task.epilogue.activation == Activation::kNone) {
    if (!task.are_coefficients) transform<B, false, V>(tile);
    if (has_residual) add_tile<B, V>(residual, task.residual_pitch, tile);
    store<V>(tile, load<V>(tile) + load<V>(task.epilogue.bias + lane) * static_cast<float>(B));
  } else {
    if (task.are_coefficients) {
      if (has_residual) add_tile<B, V>(residual, task.residual_pitch, tile);
      transform<B, true, V>(tile);
    } else if (has_residual) {
      transform_tile<B, true, V>(residual, task.residual_pitch, kLanes, residual_tile, B * kLanes,
                                 kLanes);
      add_tile<B, V>(residual_tile, B * kLanes, tile);
    }
    activate_tile<B, V>(task, tile, lane);
    transform<B, false, V>(tile);
  }
  float* output = task.output + row * task.output_pitch + column * kLanes + lane;
  for (int line = 0; line < B; ++line) {
#pragma GCC unroll 8
    for (int pixel = 0; pixel < B; ++pixel) {
      store(output + line * task.output_pitch + pixel * kLanes,
            load<V>(tile + (line * B + pixel) * kLanes));
    }
  }
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
