// The pixels of a file at its own size, 8 rows after another.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "jpeg/block_rows.h"
#include "preprocess/integer/integer_decode.h"
#include "preprocess/integer/upsample.h"

namespace jpegcompile::integer {

// Rows or columns [begin, end) of a file.
struct Range {
  int64_t begin, end;
};

// A component's samples, as many rows of blocks as upsampling looks at.
class ComponentSamples {
 public:
  // For pixels in columns [begin, end) and strips from `first_strip` on.
  ComponentSamples(const Image& frame, std::size_t index, Range columns, int64_t first_strip);

  // The last row of blocks that this strip of pixels is of.
  int64_t last_row(int64_t strip) const;
  // Takes in its rows of blocks of a row of MCUs.
  void take(const BlockRows& rows, std::size_t index, int64_t row_of_mcus);
  // The strip's pixels [columns][8 rows], from the first column of the range on.
  const uint8_t* upsampled(int64_t strip);

  int64_t vertical_factor() const { return vertical_factor_; }

 private:
  uint8_t* row(int64_t index);
  void pad_edges(int64_t row);

  const Component& component_;
  int64_t vertical_factor_;
  int64_t across_, down_;                  // pixels to one sample
  int64_t width_, height_;                 // the true size
  Upsampling upsampling_ = Upsampling::kNone;
  int64_t first_row_ = 0;                  // of blocks, the first one that is looked at
  Range blocks_{}, columns_{};             // blocks that are decoded; samples that are looked at
  int64_t pitch_ = 0;                      // bytes to the next row of blocks
  std::vector<uint8_t> ring_, pixels_;
};

// A strip of 8 rows, each channel [columns][8 rows].
using Strip = std::array<const uint8_t*, 3>;

class PixelStrips {
 public:
  // `rows` stands before its first row of MCUs. Strips are asked for in rising order, `first` first.
  PixelStrips(BlockRows& rows, PixelColor color, Range columns, int64_t first);

  int64_t channels() const { return channels_; }  // 1 for grey files, whatever colour is wanted
  // Pixels of rows [8 * index, 8 * index + 8), from the first column of the range on; RGB or grey.
  Strip strip(int64_t index);

 private:
  void read_until(int64_t row_of_mcus);

  BlockRows& rows_;
  std::vector<ComponentSamples> components_;
  int64_t row_of_mcus_ = -1;
  int64_t channels_;
  int64_t pixels_of_strip_;
  int64_t skipped_;  // columns before the range, which begins where every component has a sample
  bool is_ycc_, is_luma_wanted_;
  std::vector<uint8_t> colors_;
};

}  // namespace jpegcompile::integer
