// One component of a file: from blocks to samples, and to as many as the image has pixels.
#pragma once

#include <cstdint>
#include <vector>

#include "jpeg/block_rows.h"
#include "preprocess/integer/upsample.h"

namespace jpegcompile::integer {

// Rows or columns [begin, end) of a file.
struct Range {
  int64_t begin, end;
};

// The largest factors of the components.
struct Factors {
  int64_t across = 1, down = 1;
};

Factors most_factors(const Image& frame);

// A component's samples, as many rows of blocks as upsampling looks at.
class ComponentSamples {
 public:
  // For pixels in columns [begin, end) and strips from `first_strip` on.
  ComponentSamples(const Image& frame, std::size_t index, Range columns, int64_t first_strip);

  // The last row of blocks that this strip of pixels is of.
  int64_t last_row(int64_t strip) const;
  // Which of its blocks are taken: of each row, and from which row of MCUs on.
  BlockRange blocks() const {
    return {static_cast<std::size_t>(blocks_.begin), static_cast<std::size_t>(blocks_.end)};
  }
  int64_t first_row_of_mcus() const { return first_row_ / vertical_factor_; }
  // Takes in its rows of blocks of a row of MCUs.
  void take(const BlockRows& rows, std::size_t index, int64_t row_of_mcus);
  // The strip's pixels [columns][8 rows], from the first column of the range on. Valid until the
  // next call; there is room for 7 columns more.
  const uint8_t* upsampled(int64_t strip);

  int64_t vertical_factor() const { return vertical_factor_; }

 private:
  uint8_t* row(int64_t index);
  void pad_edges(int64_t row);

  const Component& component_;
  int64_t vertical_factor_;
  int64_t across_, down_;       // pixels to one sample
  int64_t width_, height_;      // the true size
  Upsampling upsampling_;
  bool looks_beyond_;           // at rows above and below the strip
  Range blocks_{}, columns_{};  // blocks that are decoded; samples that are pixels
  int64_t first_row_;           // of blocks, the first one that is looked at
  int64_t last_row_;            // of blocks, the last one that there is
  int64_t pitch_;               // bytes to the next row of blocks
  std::vector<uint8_t> ring_;   // [2 * vertical_factor_][pitch_]
  std::vector<uint8_t> pixels_;
};

}  // namespace jpegcompile::integer
