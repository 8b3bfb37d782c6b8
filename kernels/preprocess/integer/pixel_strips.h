// The pixels of a file at its original size, in strips of 8 rows.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "jpeg/block_rows.h"
#include "preprocess/integer/component_samples.h"
#include "preprocess/integer/integer_decode.h"

namespace jpegcompile::integer {

// A strip of 8 rows, each channel [columns][8 rows].
using Strip = std::array<const uint8_t*, 3>;

class PixelStrips {
 public:
  // `rows` must be positioned before its first row of MCUs. Strips must be requested in ascending
  // order; `first` is the first one.
  PixelStrips(BlockRows& rows, PixelColor color, Range columns, int64_t first);

  int64_t channels() const { return channels_; }  // 1 for gray files, whatever the target color
  // Returns the RGB or gray pixels of rows [8 * index, 8 * index + 8), beginning with the first
  // column of the range. Valid until the next call. Up to 7 more columns may be read.
  Strip strip(int64_t index);

 private:
  void read_until(int64_t row_of_mcus);
  // Bytes of a channel, padded for reads of whole vectors.
  int64_t plane() const { return pixels_of_strip_ + 64; }

  BlockRows& rows_;
  std::vector<ComponentSamples> components_;
  int64_t row_of_mcus_ = -1;
  int64_t first_row_of_mcus_ = 0;  // the first row that pixels depend on
  int64_t channels_;
  int64_t pixels_of_strip_;
  int64_t skipped_;  // decoded columns before the range: decoding begins at whole samples
  bool is_ycc_, is_luma_wanted_;
  std::vector<uint8_t> colors_;  // [RGB and luma][plane]
};

}  // namespace jpegcompile::integer
