// Winograd's minimal filtering for 3x3 kernels of stride 1. Computes tiles of M x M outputs from
// (M+2) x (M+2) inputs with (M+2) x (M+2) products. M is 4 or 2.
#pragma once

#include <cstdint>

namespace jpegcompile {

// U = G g G^T in double precision; `kernel` and `transformed` are in row-major order.
void transform_kernel(int m, const float (&kernel)[9], float* transformed);

// A rectangle of tiles of one group of 16 channels of one image.
struct WinogradInput {
  int m;
  const float* pixels;     // of the group, [height][width][16]
  int64_t height, width;
  int64_t top, left;       // pads
  int64_t tile_row;        // first tile row
  int64_t tile_rows;
  int64_t tile_column;
  int64_t tile_columns;
  float* output;           // 16 floats of the first tile at point 0; tiles are contiguous
  int64_t point_stride;    // floats from one point to the next
};
void winograd_input(const WinogradInput& task);

// Computes rows of pixels of one group from the sums at all points. Rows and columns beyond the map
// are skipped.
struct WinogradOutput {
  int m;
  const float* sums;
  int64_t point_stride;
  int64_t tile_rows, tile_columns;
  float* pixels;           // [rows][width][16]
  int64_t rows, width;     // of the map, counted from the first tile row on
  int64_t pitch;
};
void winograd_output(const WinogradOutput& task);

}  // namespace jpegcompile
