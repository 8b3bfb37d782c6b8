// A ring of rows of 8-bit pixels, for resampling along the columns.
#pragma once

#include <cstdint>
#include <vector>

#include "preprocess/integer/windows.h"

namespace jpegcompile::integer {

// Rows are [channels][pitch]. They are added in strips of 8.
class RowRing {
 public:
  RowRing(const Windows& windows, int64_t channels, int64_t pitch);

  // Returns where to write the rows of a strip, `row_bytes` apart.
  uint8_t* strip(int64_t index);
  int64_t row_bytes() const { return row_bytes_; }

  // Whether there is a next window, and rows [0, end) are enough for it.
  bool has_next(int64_t end) const;
  // Returns the output of the next window.
  int64_t next_output() const { return windows_.output(next_); }
  // Computes the row of the next window, and advances. Valid until the next call.
  const uint8_t* take_next();

 private:
  uint8_t* row(int64_t index) { return memory_.data() + index % capacity_ * row_bytes_; }

  const Windows& windows_;
  int64_t row_bytes_, capacity_, next_ = 0;
  std::vector<uint8_t> memory_;
  std::vector<const uint8_t*> window_;
  std::vector<uint8_t> made_;
};

}  // namespace jpegcompile::integer
