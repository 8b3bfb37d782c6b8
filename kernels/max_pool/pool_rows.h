// Max pooling of rows of pixels, [rows][W][16].
#pragma once

#include <cstdint>

#include "max_pool/window.h"

namespace jpegcompile {

struct PoolRows {
  const PoolWindow& window;
  const float* pixels;  // of the map's rows from `first_row` on, to `last_row` at least
  const float* rough;   // approximations, which decide; null where pixels do
  float* to;            // output rows from `output_row` on
  float* columns;       // room for one row of the map
  int64_t height, width, first_row;
  int64_t output_row, output_rows, output_width;
};

void max_pool_rows(const PoolRows& rows);

}  // namespace jpegcompile
