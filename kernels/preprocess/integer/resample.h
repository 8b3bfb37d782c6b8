// Pillow's 8-bit resampling, one axis at a time. Each pass rounds and clamps to 0..255.
#pragma once

#include <cstdint>

#include "preprocess/integer/windows.h"

namespace jpegcompile::integer {

// Resamples a strip [columns][8 rows] to [windows][8 rows]. The first column of the strip has index
// `first`.
struct ColumnWindows {
  const Windows& windows;
  const uint8_t* from;
  int64_t first;
  uint8_t* to;
};

void resample_columns(const ColumnWindows& task);

// Computes one row of `width` pixels from `count` rows. `width` is a multiple of 8.
struct RowWindow {
  const uint8_t* const* rows;
  const int32_t* weights;
  int64_t count, width;
  uint8_t* to;
};

void resample_rows(const RowWindow& task);

// Converts a strip [columns][8 rows] to 8 rows, `pitch` bytes apart, or rows to a strip. Columns
// are converted 8 at a time, so memory must be padded to a multiple of 8 columns.
struct StripRows {
  const uint8_t* strip;
  int64_t columns;
  uint8_t* rows;
  int64_t pitch;
};

void rows_of_strip(const StripRows& task);

struct RowsStrip {
  const uint8_t* rows;
  int64_t pitch, columns;
  uint8_t* strip;
};

void strip_of_rows(const RowsStrip& task);

}  // namespace jpegcompile::integer
