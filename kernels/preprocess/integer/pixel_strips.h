// The pixels of a file at its own size, 8 rows after another.
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
  // `rows` stands before its first row of MCUs. Strips are asked for in rising order, from `first`
  // on.
  PixelStrips(BlockRows& rows, PixelColor color, Range columns, int64_t first);

  int64_t channels() const { return channels_; }  // 1 for grey files, whatever colour is wanted
  // Pixels of rows [8 * index, 8 * index + 8), from the first column of the range on; RGB or grey.
  // Valid until the next call. There is room for 7 columns more.
  Strip strip(int64_t index);

 private:
  void read_until(int64_t row_of_mcus);
  // Bytes of a channel, with room for whole vectors.
  int64_t plane() const { return pixels_of_strip_ + 64; }

  BlockRows& rows_;
  std::vector<ComponentSamples> components_;
  int64_t row_of_mcus_ = -1;
  int64_t first_row_of_mcus_ = 0;  // of which something is taken
  int64_t channels_;
  int64_t pixels_of_strip_;
  int64_t skipped_;  // columns before the range, which begins where every component has a sample
  bool is_ycc_, is_luma_wanted_;
  std::vector<uint8_t> colors_;  // [RGB and luma][plane]
};

}  // namespace jpegcompile::integer
