// The inverse transform of tiles with any number of stored coefficients.
#include "tiles/dct.h"
#include "tiles/tiles.h"

namespace jpegcompile {
namespace {

// Inverts the rows of a small tile from kRow on; only coefficients with u + v < kKnown are stored.
template <int B, int kKnown, int kRow = 0, typename V>
JPEGCOMPILE_INLINE void inverse_few_rows(const float* from, const TileLayout& at, V (&tile)[B][B]) {
  if constexpr (kRow < B && kRow < kKnown) {
    constexpr int kCount = kKnown - kRow < B ? kKnown - kRow : B;
#pragma GCC unroll 8
    for (int v = 0; v < kCount; ++v) {
      tile[kRow][v] = load<V>(from + row_of(at, kRow) + v * kLanes);
    }
    Dct<B>::template inverse<kCount>(tile[kRow]);
    inverse_few_rows<B, kKnown, kRow + 1>(from, at, tile);
  }
}

// Inverts a small tile of `known` frequencies, 1 to kKnown, in registers.
template <int B, int kKnown, typename V>
JPEGCOMPILE_INLINE void inverse_few(int known, const float* from, const TileLayout& at, float* to,
                                    int64_t pitch) {
  if constexpr (kKnown > 1) {
    if (known < kKnown) return inverse_few<B, kKnown - 1, V>(known, from, at, to, pitch);
  }
  V tile[B][B];
  inverse_few_rows<B, kKnown>(from, at, tile);
  constexpr int kRows = kKnown < B ? kKnown : B;
#pragma GCC unroll 8
  for (int column = 0; column < B; ++column) {
    V line[B];
#pragma GCC unroll 8
    for (int row = 0; row < kRows; ++row) line[row] = tile[row][column];
    Dct<B>::template inverse<kRows>(line);
#pragma GCC unroll 8
    for (int y = 0; y < B; ++y) store(to + y * pitch + column * kLanes, line[y]);
  }
}

// Inverts a tile whose first `at.rows` rows store coefficients, `at.count` of them in each row.
template <int B, bool kIsWhole, typename V>
JPEGCOMPILE_INLINE void inverse_tile(const float* from, const TileLayout& at, float* to,
                                     int64_t pitch) {
  if constexpr (kIsWhole) {
    return transform_tile<B, true, V>(from, at.row[B > 1 ? 1 : 0], kLanes, to, pitch, kLanes);
  }
  if constexpr (B < 8) {
    const int known = at.rows < B ? at.rows : B - 1 + at.count[B - 1];
    return inverse_few<B, 2 * B - 2, V>(known, from, at, to, pitch);
  }
  alignas(64) float middle[B * B * kLanes];
  const int rows = at.rows;
  int row = 0;
  do {
    V line[B];
    inverse_first(at.count[static_cast<size_t>(row)], from + row_of(at, row), kLanes, line);
    store_line(middle + row * B * kLanes, line);
  } while (++row < rows);
  for (int column = 0; column < B; ++column) {
    V line[B];
    inverse_first(rows, middle + column * kLanes, B * kLanes, line);
#pragma GCC unroll 8
    for (int y = 0; y < B; ++y) store(to + y * pitch + column * kLanes, line[y]);
  }
}

template <int B, bool kIsWhole, typename V>
JPEGCOMPILE_INLINE void inverse_tiles(const InverseRows& task) {
  for (int64_t row = 0; row < task.rows; row += B) {
    for (int64_t column = 0; column < task.width; column += B) {
      const float* from =
          task.from.first + row / B * task.from.at.tile_row + column / B * task.from.at.tile;
      float* to = task.to + row * task.pitch + column * kLanes;
      for (int lane = 0; lane < kLanes; lane += kWidth<V>) {
        inverse_tile<B, kIsWhole, V>(from + lane, task.from.at, to + lane, task.pitch);
      }
    }
  }
}

template <int B, typename Isa>
struct Inverse {
  JPEGCOMPILE_INLINE static void run(const InverseRows& task) {
    using V = typename Isa::Vector;
    if constexpr (B > 1) {
      if (!is_whole(task.from.at, B)) return inverse_tiles<B, false, V>(task);
    }
    inverse_tiles<B, true, V>(task);
  }
};

template <typename Isa>
JPEGCOMPILE_INLINE void inverse_body(const InverseRows& task) {
  for_block<Inverse, Isa>(task.block, task);
}

JPEGCOMPILE_MULTIVERSION(inverse, inverse_body, InverseRows)

}  // namespace

void inverse_rows(const InverseRows& rows) {
  if (rows.from.at.rows > 0) return inverse(rows);
  // The tiles store no coefficients.
  for (int64_t row = 0; row < rows.rows; ++row) {
    std::fill_n(rows.to + row * rows.pitch, rows.width * kLanes, 0.0F);
  }
}

}  // namespace jpegcompile
