#include "pixels.h"

#include "../native/dct.h"
#include "../native/tiles.h"

namespace jpegcompile {
namespace {

// A tile whose first `rows` rows hold anything, so many coefficients each as the layout tells.
template <int B, bool kIsWhole, typename V>
JPEGCOMPILE_INLINE void inverse_tile(const float* coefficients, const TileLayout& at, float* pixels,
                                     int64_t pitch) {
  if constexpr (kIsWhole) {
    return transform_tile<B, true, V>(coefficients, at.row[B > 1 ? 1 : 0], kLanes, pixels, pitch,
                                      kLanes);
  }
  alignas(64) float middle[B * B * kLanes];
  const int rows = at.rows;
  int row = 0;
  do {
    const auto u = static_cast<size_t>(row);
    V line[B];
    inverse_first(at.count[u], coefficients + at.row[u], kLanes, line);
    store_line(middle + row * B * kLanes, line);
  } while (++row < rows);
  for (int column = 0; column < B; ++column) {
    V line[B];
    inverse_first(rows, middle + column * kLanes, B * kLanes, line);
#pragma GCC unroll 8
    for (int y = 0; y < B; ++y) store(pixels + y * pitch + column * kLanes, line[y]);
  }
}

template <int B, bool kIsWhole, typename V>
JPEGCOMPILE_INLINE void inverse_tiles(const Inverse& task) {
  for (int64_t row = 0; row < task.rows; ++row) {
    for (int64_t column = 0; column < task.columns; ++column) {
      const int64_t place = row * task.at.tile_row + column * task.at.tile;
      float* pixels = task.pixels + row * B * task.pitch + column * B * kLanes;
      for (int lane = 0; lane < kLanes; lane += kWidth<V>) {
        inverse_tile<B, kIsWhole, V>(task.coefficients + place + lane, task.at, pixels + lane,
                                     task.pitch);
      }
    }
  }
}

template <int B, typename V>
JPEGCOMPILE_INLINE void inverse_blocks(const Inverse& task) {
  if constexpr (B > 1) {
    if (task.at.count[B - 1] < B) return inverse_tiles<B, false, V>(task);
  }
  inverse_tiles<B, true, V>(task);
}

template <typename Isa>
JPEGCOMPILE_INLINE void inverse_body(const Inverse& task) {
  using V = typename Isa::Vector;
  switch (task.block) {
    case 8:
      return inverse_blocks<8, V>(task);
    case 4:
      return inverse_blocks<4, V>(task);
    case 2:
      return inverse_blocks<2, V>(task);
    default:
      return inverse_blocks<1, V>(task);
  }
}

}  // namespace

JPEGCOMPILE_MULTIVERSION(inverse_rows, inverse_body, Inverse)

}  // namespace jpegcompile
