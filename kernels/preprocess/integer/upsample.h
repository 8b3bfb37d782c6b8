// Upsamples components to one sample per pixel, like libjpeg-turbo's jdsample.c.
#pragma once

#include <cstdint>

namespace jpegcompile::integer {

enum class Upsampling {
  kNone,
  kTriangleAcross,  // two pixels per sample in each row
  kTriangleDown,    // two pixels per sample in each column
  kTriangleBoth,    // two pixels per sample in both directions
  kRepeat,          // all other factors
};

// A strip of 8 rows of pixels, and the strip of samples that it is computed from. Columns are
// [8 rows].
struct UpsampledStrip {
  const uint8_t* samples;  // the first column; one more column is readable on either side
  const uint8_t* above;    // the row above the strip, 8 bytes from column to column
  const uint8_t* below;    // the row below; only triangles down read `above` and `below`
  int64_t first_row;       // of the pixels, relative to the first row of pixels of the samples
  int64_t columns;         // of samples
  int64_t across, down;    // pixels per sample
  uint8_t* to;             // [columns * across][8 rows]
};

void triangle_across(const UpsampledStrip& strip);
void triangle_down(const UpsampledStrip& strip);
void triangle_both(const UpsampledStrip& strip);
void repeat(const UpsampledStrip& strip);

}  // namespace jpegcompile::integer
