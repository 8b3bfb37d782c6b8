// Max pooling of rows of pixels, [rows][W][16].
#pragma once

#include <cstdint>

#include "max_pool/window.h"

namespace jpegcompile {

struct PoolRows {
  const PoolWindow& window;
  const float* pixels;  // rows `first_row` to `last_row` of the map, or more
  const float* rough;   // approximations that select the pixels; null for exact pooling
  float* to;            // output rows from `output_row` on
  float* columns;       // scratch memory for one row of the map
  int64_t height, width, first_row;
  int64_t output_row, output_rows, output_width;
};

void max_pool_rows(const PoolRows& rows);

}  // namespace jpegcompile
