// Components of fewer samples to one for each pixel, as libjpeg-turbo's jdsample.c does.
#pragma once

#include <cstdint>

namespace jpegcompile::integer {

enum class Upsampling {
  kNone,
  kTriangleAcross,  // 2 to 1 in each row
  kTriangleDown,    // 2 to 1 in each column
  kTriangleBoth,    // both
  kRepeat,          // anything else
};

// A strip of 8 rows of pixels from a strip of samples and its neighbours. Columns are [8 rows].
struct UpsampledStrip {
  const uint8_t* samples;  // of the first column; one column more is readable on either side
  const uint8_t* above;    // the row above the strip, 8 bytes from column to column
  const uint8_t* below;    // the row below it; both are read by triangles down alone
  int64_t first_row;       // of the pixels, counted from the first one that the samples give
  int64_t columns;         // of samples
  int64_t across, down;    // pixels to one sample
  uint8_t* to;             // [columns * across][8 rows]
};

void triangle_across(const UpsampledStrip& strip);
void triangle_down(const UpsampledStrip& strip);
void triangle_both(const UpsampledStrip& strip);
void repeat(const UpsampledStrip& strip);

}  // namespace jpegcompile::integer
