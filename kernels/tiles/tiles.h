// Transforms of the tiles of rows of one group of channels.
#pragma once

#include <algorithm>
#include <cstdint>

#include "tiles/dct.h"
#include "tiles/isa.h"
#include "tiles/map.h"
#include "tiles/tensor.h"

namespace jpegcompile {

// Converts pixels, [rows][width][16], to coefficients in the same layout. Rows and width are
// multiples of the block size. `to` may be `from`.
struct ForwardRows {
  const float* from;
  float* to;
  int64_t rows, width;
  int block;
};
void forward_rows(const ForwardRows& rows);

// Converts coefficients in any layout to pixels. Coefficients that are not stored count as zeros.
struct InverseRows {
  Tiles from;
  float* to;
  int64_t rows, width;  // multiples of the block size
  int block;
  int64_t pitch;        // floats from row to row of pixels
};
void inverse_rows(const InverseRows& rows);

// Returns the number of frequencies that a band keeps. `band` has the size of a map: in each tile 1
// where u + v is less than this number, and 0 elsewhere. Throws KernelError for another size.
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

// Loads the coefficients of one row of a tile.
template <int B, typename V>
JPEGCOMPILE_INLINE void load_line(const float* from, V (&line)[B]) {
#pragma GCC unroll 8
  for (int column = 0; column < B; ++column) line[column] = load<V>(from + column * kLanes);
}

// Loads the first `count` coefficients, followed by zeros.
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

// Loops over a tile use the counts of its layout. If all coefficients are stored, the bounds should
// be known at compile time.
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

// The second half of a forward transform, on rows. `middle` contains the first half, [B][B][16].
// Computes the coefficients of the band; other stored coefficients become zeros.
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
