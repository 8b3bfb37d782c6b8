// Pillow's 8-bit resampling, one axis at a time; each pass rounds and clamps to 0..255.
#pragma once

#include <cstdint>

#include "preprocess/integer/windows.h"

namespace jpegcompile::integer {

// Columns [columns][8 rows], `first` being the first one, become [windows][8 rows].
struct ColumnWindows {
  const Windows& windows;
  const uint8_t* from;
  int64_t first;
  uint8_t* to;
};

void resample_columns(const ColumnWindows& task);

// One row of `width` pixels, a multiple of 8, from `count` rows of as many.
struct RowWindow {
  const uint8_t* const* rows;
  const int32_t* weights;
  int64_t count, width;
  uint8_t* to;
};

void resample_rows(const RowWindow& task);

// A strip [columns][8 rows] becomes 8 rows, `pitch` apart, or the other way round: the columns
// become rows, and come 8 at a time, with room for as many.
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
