// Feature maps in memory: NCHW, or in groups of 16 channels, [N][C/16][H][W][16].
//
// Kernels work on rows of one group, [rows][W][16], in either layout. The rows of a grouped map are
// used in place; the rows of an NCHW map are copied. The last group is padded with zeros if the
// number of channels is no multiple of 16.
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
  // Whether only the coefficients of the band are stored; see band.h.
  bool is_compact = false;
  Band band = {};

  // `group` is the attribute: 1 or 16. Throws KernelError for a tensor that is no map, or whose
  // channels do not fill groups.
  static Map of(const Shape& shape, int64_t group, const char* name);
  // Also sets the compact layout if `frequencies`, the attribute, is neither 0 nor the number of
  // frequencies of a tile. Throws KernelError if the map cannot be compact.
  static Map of(const Shape& shape, int64_t group, int block, int64_t frequencies,
                const char* name);

  int64_t groups() const { return (channels + kLanes - 1) / kLanes; }
  bool is_empty() const { return batch == 0 || channels == 0 || height == 0 || width == 0; }
  int64_t plane() const { return height * width; }
  int64_t channels_in(int64_t group) const {
    return std::min<int64_t>(kLanes, channels - group * kLanes);
  }
  // Floats in one row of a group.
  int64_t pitch() const { return width * kLanes; }
  // Floats in one group of one image.
  int64_t group_floats() const {
    return is_compact ? plane() / (band.block * band.block) * band.count() * kLanes
                      : plane() * kLanes;
  }
  // Floats in one image.
  int64_t image_floats() const {
    return is_grouped ? groups() * group_floats() : channels * plane();
  }
  // Number of frequencies that are stored of tiles of this size.
  int frequencies(int block) const { return is_compact ? band.frequencies : 2 * block - 1; }
  Shape shape() const { return {batch, channels, height, width}; }
};

// Rows of one group of channels of one image.
struct Strip {
  int64_t image, group, row, count;
};

// `layout_of` returns the layout of the tiles of a grouped map. `tile_offset` returns the offset of
// the tile that begins at this pixel.
TileLayout layout_of(const Map& map, int block);
int64_t tile_offset(const Map& map, const TileLayout& layout, int block, int64_t image,
                    int64_t group, int64_t row, int64_t column);

// Throws KernelError if the map does not consist of whole tiles of this size.
void check_tiles(const Map& map, int block, const char* name);

// Throws KernelError if tiles of this size in the output cannot store `made` frequencies.
void check_places(const Map& output, int block, int made);

// Throws KernelError if y does not store the same frequencies of tiles of this size as x.
void check_same_places(const Map& x, const Map& y, int block);

// Returns the tiles of rows of a group: in the tensor if the map is grouped, otherwise in
// `scratch`, which is filled from the tensor, [count][W][16].
Tiles read_tiles(const Map& map, int block, const float* data, int64_t image, int64_t group,
                 int64_t row, int64_t count, float* scratch);

// Returns the rows of a group, [count][W][16]: in the tensor, or in `scratch`, which is filled from
// the tensor. The rows of a compact map must be rows of whole tiles.
const float* read_rows(const Map& map, const float* data, int64_t image, int64_t group, int64_t row,
                       int64_t count, float* scratch);

// `rows_target` returns where to write rows of a group: in the tensor or `scratch`. Afterwards
// `write_rows` copies `scratch` into the tensor if necessary. Not for compact maps.
float* rows_target(const Map& map, float* data, int64_t image, int64_t group, int64_t row,
                   float* scratch);
void write_rows(const Map& map, float* data, int64_t image, int64_t group, int64_t row,
                int64_t count, const float* scratch);

}  // namespace jpegcompile
