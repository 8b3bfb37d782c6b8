// Transforms of the tiles of rows of one group of channels.
#pragma once

#include <algorithm>
#include <cstdint>

#include "tiles/dct.h"
#include "tiles/isa.h"
#include "tiles/map.h"
#include "tiles/tensor.h"

namespace jpegcompile {

// Pixels, [rows][width][16], to coefficients that stand alike. Rows and width are multiples of the
// block size. `to` may be `from`.
struct ForwardRows {
  const float* from;
  float* to;
  int64_t rows, width;
  int block;
};
void forward_rows(const ForwardRows& rows);

// Coefficients, wherever they stand, to pixels: those without a place count as zeros.
struct InverseRows {
  Tiles from;
  float* to;
  int64_t rows, width;  // multiples of the block size
  int block;
  int64_t pitch;        // floats from row to row of pixels
};
void inverse_rows(const InverseRows& rows);

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

// The first `count` of them, and zeros.
template <int B, typename V>
JPEGCOMPILE_INLINE void load_band(const float* from, int count, V (&line)[B]) {
#pragma GCC unroll 8
  for (int column = 0; column < B; ++column) {
    line[column] = column < count ? load<V>(from + column * kLanes) : V{};
  }
}

template <int B, typename V>
JPEGCOMPILE_INLINE void add_band(const float* from, int count, V (&line)[B]) {
#pragma GCC unroll 8
  for (int column = 0; column < B; ++column) {
    if (column < count) line[column] += load<V>(from + column * kLanes);
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

// Loops over rows and columns of a tile go by its layout. Where all coefficients have a place their
// bounds are to be known when this is compiled.
inline bool is_whole(const TileLayout& at, int block) {
  return at.count[static_cast<size_t>(block - 1)] == block;
}
template <int B, bool kIsWhole>
JPEGCOMPILE_INLINE int count_of(const TileLayout& at, int row) {
  return kIsWhole ? B : at.count[static_cast<size_t>(row)];
}
JPEGCOMPILE_INLINE int64_t row_of(const TileLayout& at, int row) {
  return at.row[static_cast<size_t>(row)];
}

// Between columns and coefficients: the second half of a tile's transform. `middle` holds the first
// half, [B][B][16]; coefficients of the band are made, others that have a place are zeros.
template <int B, bool kIsWhole, typename V>
JPEGCOMPILE_INLINE void finish_forward(const float* middle, int frequencies, const TileLayout& at,
                                       float* to) {
  const int rows = kIsWhole ? B : at.rows;
  for (int row = 0; row < rows; ++row) {
    float* line_to = to + row_of(at, row);
    const int places = count_of<B, kIsWhole>(at, row);
    const int wanted = kIsWhole ? B : std::min(frequencies - row, places);
    if (wanted > 0) {
      V line[B];
      load_line(middle + row * B * kLanes, line);
      forward_first(wanted, line, line_to, kLanes);
    }
    for (int column = std::max(wanted, 0); column < places; ++column) {
      store(line_to + column * kLanes, V{});
    }
  }
}

}  // namespace jpegcompile
