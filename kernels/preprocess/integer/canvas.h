// The array of output pixels, [channels][height][width], in the network's orientation.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "preprocess/integer/integer_decode.h"
#include "preprocess/placement.h"

namespace jpegcompile::integer {

// Accepts rows in the orientation in which the file stores them. `down` is an output index along
// the file's columns: the position of a stored row. `across` is an output index along the file's
// rows: the position of the first pixel of a row.
class Canvas {
 public:
  Canvas(const Placement& placement, PixelColor color, bool is_gray_file, uint8_t* out);

  void fill(std::span<const uint8_t> values);

  void put_row(int64_t channel, int64_t down, int64_t across, std::span<const uint8_t> row);
  // The first `rows` rows of a strip [columns][8 rows]. The first row is for output `down`, the
  // next for `down` + 1, and so on. If reversed, the last row is for `down`.
  struct PlacedStrip {
    const uint8_t* strip;
    int64_t columns, rows, down, across;
    bool is_reversed;
  };
  void put_strip(int64_t channel, const PlacedStrip& placed);

 private:
  std::span<uint8_t* const> planes_of(int64_t channel);

  uint8_t* out_;
  int64_t width_, plane_, channels_;
  bool is_transposed_, is_turned_around_, is_gray_file_;
  std::array<uint8_t*, 3> planes_{};
  std::vector<uint8_t> rows_;
};

}  // namespace jpegcompile::integer
