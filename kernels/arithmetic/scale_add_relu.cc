#include "scale_add_relu.h"

#include "../native/tiles.h"

namespace jpegcompile {
namespace {

template <int B, typename V>
JPEGCOMPILE_INLINE void finish_tile(const ScaleAddRelu& task, int64_t offset, const V& scale) {
  const int64_t pitch = task.width * kLanes;
  V tile[B][B];
  for (int row = 0; row < B; ++row) {
    V line[B], residual[B];
    load_line(task.x + offset + row * pitch, line);
    load_line(task.residual + offset + row * pitch, residual);
#pragma GCC unroll 8
    for (int column = 0; column < B; ++column) line[column] = line[column] * scale + residual[column];
    Dct<B>::inverse(line);
#pragma GCC unroll 8
    for (int column = 0; column < B; ++column) tile[row][column] = line[column];
  }
  for (int column = 0; column < B; ++column) {
    V line[B];
    load_column(tile, column, line);
    Dct<B>::inverse(line);
#pragma GCC unroll 8
    for (int row = 0; row < B; ++row) line[row] = line[row] > 0 ? line[row] : V{};
    Dct<B>::forward(line);
    store_column(tile, column, line);
  }
  for (int row = 0; row < B; ++row) {
    Dct<B>::forward(tile[row]);
    store_line(task.y + offset + row * pitch, tile[row]);
  }
}

template <int B, typename Isa>
struct Finish {
  JPEGCOMPILE_INLINE static void run(const ScaleAddRelu& task) {
    using V = typename Isa::Vector;
    for (int64_t row = 0; row < task.rows; row += B) {
      for (int64_t column = 0; column < task.width; column += B) {
        for (int lane = 0; lane < kLanes; lane += kWidth<V>) {
          const int64_t offset = (row * task.width + column) * kLanes + lane;
          finish_tile<B, V>(task, offset, load<V>(task.scale + lane));
        }
      }
    }
  }
};

template <typename Isa>
JPEGCOMPILE_INLINE void scale_add_relu_body(const ScaleAddRelu& task) {
  for_block<Finish, Isa>(task.block, task);
}

}  // namespace

JPEGCOMPILE_MULTIVERSION(scale_add_relu, scale_add_relu_body, ScaleAddRelu)

}  // namespace jpegcompile
