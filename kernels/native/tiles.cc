#include "tiles.h"

#include <string>

namespace jpegcompile {
namespace {

template <int B, bool Inverse, typename V>
JPEGCOMPILE_INLINE void transform_lines(V (&tile)[B][B], float* to, int64_t pitch) {
  for (int column = 0; column < B; ++column) {
    V line[B];
    load_column(tile, column, line);
    transform_line<B, Inverse>(line);
#pragma GCC unroll 8
    for (int row = 0; row < B; ++row) store(to + row * pitch + column * kLanes, line[row]);
  }
}

template <int B, typename V>
JPEGCOMPILE_INLINE void inverse_of_band(const float* from, float* to, int64_t pitch,
                                        int frequencies) {
  V tile[B][B];
  for (int row = 0; row < B; ++row) {
    load_band(from + row * pitch, frequencies - row, tile[row]);
    if (row < frequencies) Dct<B>::inverse(tile[row]);
  }
  transform_lines<B, true>(tile, to, pitch);
}

template <int B, bool Inverse, typename V>
JPEGCOMPILE_INLINE void transform_rows(const TileRows& rows) {
  const int64_t pitch = rows.width * kLanes;
  const bool is_whole = rows.frequencies >= 2 * B - 1;
  for (int64_t row = 0; row < rows.rows; row += B) {
    for (int64_t column = 0; column < rows.width; column += B) {
      const int64_t offset = row * pitch + column * kLanes;
      for (int lane = 0; lane < kLanes; lane += kWidth<V>) {
        const float* from = rows.from + offset + lane;
        float* to = rows.to + offset + lane;
        if (!Inverse || is_whole) {
          transform_tile<B, Inverse, V>(from, pitch, kLanes, to, pitch, kLanes);
        } else {
          inverse_of_band<B, V>(from, to, pitch, rows.frequencies);
        }
      }
    }
  }
}

template <int B, typename Isa>
struct Forward {
  JPEGCOMPILE_INLINE static void run(const TileRows& rows) {
    transform_rows<B, false, typename Isa::Vector>(rows);
  }
};
template <int B, typename Isa>
struct Inverse {
  JPEGCOMPILE_INLINE static void run(const TileRows& rows) {
    transform_rows<B, true, typename Isa::Vector>(rows);
  }
};

template <typename Isa>
JPEGCOMPILE_INLINE void forward_body(const TileRows& rows) {
  for_block<Forward, Isa>(rows.block, rows);
}
template <typename Isa>
JPEGCOMPILE_INLINE void inverse_body(const TileRows& rows) {
  for_block<Inverse, Isa>(rows.block, rows);
}

}  // namespace

JPEGCOMPILE_MULTIVERSION(forward_rows, forward_body, TileRows)
JPEGCOMPILE_MULTIVERSION(inverse_rows, inverse_body, TileRows)

int band_frequencies(const Tensor& band, const Map& map, int block) {
  if (!(band.shape == Shape{map.height, map.width})) {
    throw KernelError("band has shape " + band.shape.text() + " for x of shape " +
                      map.shape().text());
  }
  if (map.plane() == 0) return 2 * block - 1;
  // Along the upper and the right side of a tile u + v goes up by one.
  int frequencies = 0;
  for (int step = 0; step < 2 * block - 1; ++step) {
    const int column = step < block ? step : block - 1, row = step - column;
    if (band.floats()[row * map.width + column] != 0) frequencies = step + 1;
  }
  return frequencies;
}

}  // namespace jpegcompile
