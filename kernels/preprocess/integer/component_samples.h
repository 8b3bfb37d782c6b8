// Decodes the blocks of one component to samples, and upsamples them to the image's resolution.
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

// The largest sampling factors of the components.
struct Factors {
  int64_t across = 1, down = 1;
};

Factors most_factors(const Image& frame);

// A ring of a component's samples. It contains the rows of blocks that upsampling reads.
class ComponentSamples {
 public:
  // For pixels in the columns of a range, and for strips from `first_strip` on.
  ComponentSamples(const Image& frame, std::size_t index, Range columns, int64_t first_strip);

  // Returns the last row of blocks that a strip of pixels depends on.
  int64_t last_row(int64_t strip) const;
  // The blocks of each row that pixels depend on, and the first row of MCUs.
  BlockRange blocks() const {
    return {static_cast<std::size_t>(blocks_.begin), static_cast<std::size_t>(blocks_.end)};
  }
  int64_t first_row_of_mcus() const { return first_row_ / vertical_factor_; }
  // Decodes this component's blocks in a row of MCUs.
  void take(const BlockRows& rows, std::size_t index, int64_t row_of_mcus);
  // Returns the pixels of a strip, [columns][8 rows], beginning with the first column of the range.
  // Valid until the next call. Up to 7 more columns may be read.
  const uint8_t* upsampled(int64_t strip);

  int64_t vertical_factor() const { return vertical_factor_; }

 private:
  uint8_t* row(int64_t index);
  void pad_edges(int64_t row);

  const Component& component_;
  int64_t vertical_factor_;
  int64_t across_, down_;       // pixels per sample
  int64_t width_, height_;      // in samples, without padding
  Upsampling upsampling_;
  bool looks_beyond_;           // whether upsampling reads the rows above and below a strip
  Range blocks_{}, columns_{};  // blocks to decode; columns of samples to upsample
  int64_t first_row_;           // first row of blocks to decode
  int64_t last_row_;            // last row of blocks of the image
  int64_t pitch_;               // bytes to the next row of blocks
  std::vector<uint8_t> ring_;   // [2 * vertical_factor_][pitch_]
  std::vector<uint8_t> pixels_;
};

}  // namespace jpegcompile::integer
