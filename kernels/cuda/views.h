// How maps stand in the memory of a GPU (kernels/tiles/triton.py), in numbers of elements.
#pragma once

#include <cstdint>

#include "cuda/launch.h"
#include "cuda/matrices.h"
#include "tiles/map.h"

namespace jpegcompile::cuda {

// Where a map stands, and what stands there.
struct View {
  DevicePointer data = 0;
  int64_t image = 0;   // from image to image
  int64_t row = 0;     // from row to row of a raster; 0 for rows of coefficients
  int64_t pixel = 0;   // from pixel to pixel, or coefficient to coefficient
  int64_t group = 0;   // from 16 channels to the next 16
  int64_t kept = 0;    // coefficients of a tile that rows have; 0 for a raster
  bool is_rows = false;
  int block = 1;       // of coefficients; 1 for pixels
  int frequencies = 1; // that tiles may hold

  bool is_pixels() const { return block == 1; }
  // The matrix that takes it to pixels, or, of few of its frequencies, to the pixels they make.
  TileMatrix inverse() const { return inverse(frequencies); }
  TileMatrix inverse(int read) const {
    return {Transform::kInverse, block, read, is_rows ? frequencies : 0};
  }
  // The matrix that makes it of pixels, with few frequencies.
  TileMatrix forward(int made) const {
    return {Transform::kForward, block, made, is_rows ? frequencies : 0};
  }
  // Whether two maps have the same coefficients of a tile in the same order.
  bool has_rows_of(const View& other) const {
    return is_rows == other.is_rows && block == other.block &&
           (!is_rows || frequencies == other.frequencies);
  }
};

inline int64_t padded(int64_t channels) { return (channels + kLanes - 1) / kLanes * kLanes; }
inline int64_t log2_of(int block) { return block == 8 ? 3 : block / 2; }

// How a map stands whose attribute of frequencies that is, and not where.
View standing(int block, int64_t frequencies);
// A map in groups of channels, in a tensor.
View view_of(const Map& map, int block, DevicePointer data);
// Scratch memory for a map with channels last, filled up with zeros to a multiple of 16.
View channels_last(const Map& map, int block, DevicePointer data);
int64_t channels_last_floats(const Map& map);

// Arguments that describe a map; names are literals.
struct ViewNames {
  std::string_view image, row, pixel, group, kept;
};
inline constexpr ViewNames kXNames{"x_image", "x_row", "x_pixel", "x_group", "x_kept"};
inline constexpr ViewNames kYNames{"y_image", "y_row", "y_pixel", "y_group", "y_kept"};
inline constexpr ViewNames kResidualNames{"residual_image", "residual_row", "residual_pixel",
                                          "residual_group", "residual_kept"};
inline constexpr ViewNames kOtherNames{"other_image", "other_row", "other_pixel", "other_group",
                                       "other_kept"};
void put_view(Arguments& arguments, const ViewNames& names, const View& view);
// Without `kept`, for kernels that take rasters alone.
void put_raster(Arguments& arguments, const ViewNames& names, const View& view);

// Rows and tiles of a map that is made in tiles of that size.
void put_tiles(Arguments& arguments, const Map& map, int block);

}  // namespace jpegcompile::cuda
