// Feature maps in memory: NCHW, or in groups of 16 channels, [N][C/16][H][W][16].
//
// Kernels work on rows of one group, [rows][W][16], whichever of the two the tensor has: rows of a
// grouped map are where they are, others are copied. The last group of a map whose channels are no
// multiple of 16 is filled up with zeros.
#pragma once

#include <algorithm>
#include <cstdint>

#include "tiles/band.h"
#include "tiles/isa.h"
#include "tiles/tensor.h"

namespace jpegcompile {

struct Map {
  int64_t batch = 0, channels = 0, height = 0, width = 0;
  bool is_grouped = false;
  // Whether no more than the coefficients of the band stand in memory; see band.h.
  bool is_compact = false;
  Band band = {};

  // Throws KernelError for a tensor that is no map, or whose channels do not fill groups.
  // `group` is the attribute: 1 or 16.
  static Map of(const Shape& shape, int64_t group, const char* name);
  // The same of a map that stands compactly if `frequencies`, the attribute, is neither 0 nor all
  // that a tile has. Throws KernelError if it cannot.
  static Map of(const Shape& shape, int64_t group, int block, int64_t frequencies,
                const char* name);

  int64_t groups() const { return (channels + kLanes - 1) / kLanes; }
  bool is_empty() const { return batch == 0 || channels == 0 || height == 0 || width == 0; }
  int64_t plane() const { return height * width; }
  int64_t channels_in(int64_t group) const {
    return std::min<int64_t>(kLanes, channels - group * kLanes);
  }
  // Floats of one row of a group.
  int64_t pitch() const { return width * kLanes; }
  // Of one group of one image.
  int64_t group_floats() const {
    return is_compact ? plane() / (band.block * band.block) * band.count() * kLanes
                      : plane() * kLanes;
  }
  // Of one image.
  int64_t image_floats() const {
    return is_grouped ? groups() * group_floats() : channels * plane();
  }
  // What tiles of that size have places for.
  int frequencies(int block) const { return is_compact ? band.frequencies : 2 * block - 1; }
  Shape shape() const { return {batch, channels, height, width}; }
};

// Rows of one group of channels of one image.
struct Strip {
  int64_t image, group, row, count;
};

// Where the tiles of a map in groups stand, and the tile of one group whose first pixel that is.
TileLayout layout_of(const Map& map, int block);
int64_t tile_offset(const Map& map, const TileLayout& layout, int block, int64_t image,
                    int64_t group, int64_t row, int64_t column);

// Throws KernelError for a map that tiles of that size do not fill.
void check_tiles(const Map& map, int block, const char* name);

// Throws KernelError if tiles of that size in an output have no places for so many frequencies.
void check_places(const Map& output, int block, int made);

// Throws KernelError if tiles of that size in y have other places than those of x.
void check_same_places(const Map& x, const Map& y, int block);

// Tiles of rows of a group: where they are in the tensor, or, of a map that is not in groups, in
// `scratch` filled from it, [count][W][16].
Tiles read_tiles(const Map& map, int block, const float* data, int64_t image, int64_t group,
                 int64_t row, int64_t count, float* scratch);

// Rows of a group, [count][W][16]: a place in the tensor, or `scratch` filled from it. Of a map that
// stands compactly they have to be rows of whole tiles.
const float* read_rows(const Map& map, const float* data, int64_t image, int64_t group, int64_t row,
                       int64_t count, float* scratch);

// Where to write rows of a group: a place in the tensor, or `scratch`, which `write_rows` puts into
// the tensor afterwards. Not for maps that stand compactly.
float* rows_target(const Map& map, float* data, int64_t image, int64_t group, int64_t row,
                   float* scratch);
void write_rows(const Map& map, float* data, int64_t image, int64_t group, int64_t row,
                int64_t count, const float* scratch);

}  // namespace jpegcompile
