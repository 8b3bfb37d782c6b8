// Layout of maps in GPU memory (kernels/tiles/triton.py), in numbers of elements.
#pragma once

#include <cstdint>

#include "cuda/launch.h"
#include "cuda/matrices.h"
#include "tiles/map.h"

namespace jpegcompile::cuda {

// The memory of a map, its layout and its content.
struct View {
  DevicePointer data = 0;
  int64_t image = 0;   // from image to image
  int64_t row = 0;     // from row to row of a raster; 0 for rows of coefficients
  int64_t pixel = 0;   // from pixel to pixel, or coefficient to coefficient
  int64_t group = 0;   // from one group of 16 channels to the next
  int64_t kept = 0;    // coefficients of a tile that rows store; 0 for a raster
  bool is_rows = false;
  int block = 1;       // of coefficients; 1 for pixels
  int frequencies = 1; // stored in tiles

  bool is_pixels() const { return block == 1; }
  // The matrix that converts the coefficients, or their first `read` frequencies, to pixels.
  TileMatrix inverse() const { return inverse(frequencies); }
  TileMatrix inverse(int read) const {
    return {Transform::kInverse, block, read, is_rows ? frequencies : 0};
  }
  // The matrix that converts pixels to the first `made` frequencies of this map.
  TileMatrix forward(int made) const {
    return {Transform::kForward, block, made, is_rows ? frequencies : 0};
  }
  // Whether both maps store the same coefficients of a tile in the same order.
  bool has_rows_of(const View& other) const {
    return is_rows == other.is_rows && block == other.block &&
           (!is_rows || frequencies == other.frequencies);
  }
};

inline int64_t padded(int64_t channels) { return (channels + kLanes - 1) / kLanes * kLanes; }
inline int64_t log2_of(int block) { return block == 8 ? 3 : block / 2; }

// The layout of a map with this attribute `frequencies`, without memory.
View standing(int block, int64_t frequencies);
// A map in groups of channels, stored in a tensor.
View view_of(const Map& map, int block, DevicePointer data);
// Scratch memory for a map with channels last, padded with zeros to a multiple of 16 channels.
View channels_last(const Map& map, int block, DevicePointer data);
int64_t channels_last_floats(const Map& map);

// Names of the arguments that describe a map; must be string literals.
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
// Without `kept`, for kernels that accept only rasters.
void put_raster(Arguments& arguments, const ViewNames& names, const View& view);

// Arguments for the rows and tiles of a map that is computed in tiles of this block size.
void put_tiles(Arguments& arguments, const Map& map, int block);

}  // namespace jpegcompile::cuda
