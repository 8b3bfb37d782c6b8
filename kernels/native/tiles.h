// Transforms of the tiles of rows, [rows][W][16].
#pragma once

#include <cstdint>

#include "dct.h"
#include "isa.h"
#include "map.h"
#include "operator.h"

namespace jpegcompile {

// Rows and width are multiples of the block size. `to` may be `from`.
struct TileRows {
  const float* from;
  float* to;
  int64_t rows, width;
  int block;
  // Of an inverse transform: the coefficients u + v < frequencies count, others as zeros.
  int frequencies = 2 * 8 - 1;
};

void forward_rows(const TileRows& rows);
void inverse_rows(const TileRows& rows);

// The frequencies of a tile that a band keeps: `band` has the size of a map, 1 where u + v is less
// than that number in each tile, and 0 elsewhere. Throws KernelError if it has not.
int band_frequencies(const Tensor& band, const Map& map, int block);

// Body<B, Isa>::run(arguments) for the block size of the arguments.
template <template <int, typename> class Body, typename Isa, typename Arguments>
JPEGCOMPILE_INLINE void for_block(int block, const Arguments& arguments) {
  switch (block) {
    case 8:
      return Body<8, Isa>::run(arguments);
    case 4:
      return Body<4, Isa>::run(arguments);
    case 2:
      return Body<2, Isa>::run(arguments);
    default:
      return Body<1, Isa>::run(arguments);
  }
}

// Coefficients of one row of a tile.
template <int B, typename V>
JPEGCOMPILE_INLINE void load_line(const float* from, V (&line)[B]) {
#pragma GCC unroll 8
  for (int column = 0; column < B; ++column) line[column] = load<V>(from + column * kLanes);
}

// Those of row u whose frequency v is less than `count`, and zeros.
template <int B, typename V>
JPEGCOMPILE_INLINE void load_band(const float* from, int count, V (&line)[B]) {
#pragma GCC unroll 8
  for (int column = 0; column < B; ++column) {
    line[column] = column < count ? load<V>(from + column * kLanes) : V{};
  }
}

template <int B, typename V>
JPEGCOMPILE_INLINE void store_line(float* to, const V (&line)[B]) {
#pragma GCC unroll 8
  for (int column = 0; column < B; ++column) store(to + column * kLanes, line[column]);
}

template <int B, typename V>
JPEGCOMPILE_INLINE void store_band(float* to, int count, const V (&line)[B]) {
#pragma GCC unroll 8
  for (int column = 0; column < B; ++column) {
    if (column < count) store(to + column * kLanes, line[column]);
  }
}

template <int B, typename V>
JPEGCOMPILE_INLINE void load_column(const V (&tile)[B][B], int column, V (&line)[B]) {
#pragma GCC unroll 8
  for (int row = 0; row < B; ++row) line[row] = tile[row][column];
}

template <int B, typename V>
JPEGCOMPILE_INLINE void store_column(V (&tile)[B][B], int column, const V (&line)[B]) {
#pragma GCC unroll 8
  for (int row = 0; row < B; ++row) tile[row][column] = line[row];
}

}  // namespace jpegcompile
