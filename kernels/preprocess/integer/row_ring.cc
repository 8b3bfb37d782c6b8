#include "preprocess/integer/row_ring.h"

#include "preprocess/integer/resample.h"
#include "preprocess/integer/vectors.h"

namespace jpegcompile::integer {

// With this capacity, a window that needs a row of the next strip reads no row that this strip
// replaces. The rows of a strip are contiguous.
RowRing::RowRing(const Windows& windows, int64_t channels, int64_t pitch)
    : windows_(windows),
      row_bytes_(channels * pitch),
      capacity_(padded(windows.size) + kStripRows),
      memory_(static_cast<size_t>(capacity_ * row_bytes_)),
      window_(static_cast<size_t>(windows.size)),
      made_(static_cast<size_t>(row_bytes_)) {}

uint8_t* RowRing::strip(int64_t index) { return row(index * kStripRows); }

bool RowRing::has_next(int64_t end) const {
  if (next_ == windows_.count()) return false;
  const Windows::Window& window = windows_.windows[static_cast<size_t>(next_)];
  return window.first + window.count <= end;
}

const uint8_t* RowRing::take_next() {
  const Windows::Window& window = windows_.windows[static_cast<size_t>(next_)];
  const int32_t* weights = windows_.weights_of(next_++);
  if (windows_.is_copy) return row(window.first);
  for (int64_t i = 0; i < window.count; ++i) {
    window_[static_cast<size_t>(i)] = row(window.first + i);
  }
  resample_rows({window_.data(), weights, window.count, row_bytes_, made_.data()});
  return made_.data();
}

}  // namespace jpegcompile::integer
