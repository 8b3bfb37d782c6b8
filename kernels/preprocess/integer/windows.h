// The pixels of an axis that each output depends on, and their weights in Pillow's fixed-point
// arithmetic.
#pragma once

#include <cstdint>
#include <vector>

#include "preprocess/placement.h"

namespace jpegcompile::integer {

inline constexpr int kWeightBits = 32 - 8 - 2;

// The outputs of one stored axis that show the image, in the order of the pixels that they depend
// on.
struct Windows {
  struct Window {
    int64_t first, count;
  };

  std::vector<Window> windows;
  std::vector<int32_t> weights;  // [windows][size], in units of 2^-22
  int64_t size = 0;              // maximum number of pixels of a window
  int64_t begin = 0;             // the outputs are [begin, begin + windows)
  bool is_reversed = false;      // whether the first window belongs to the last output
  bool is_copy = true;           // whether each output is equal to one pixel

  int64_t count() const { return static_cast<int64_t>(windows.size()); }
  bool is_empty() const { return windows.empty(); }
  // Returns the output of a window, relative to `begin`.
  int64_t slot(int64_t index) const { return is_reversed ? count() - 1 - index : index; }
  int64_t output(int64_t index) const { return begin + slot(index); }
  const int32_t* weights_of(int64_t index) const { return weights.data() + index * size; }
  // Outputs depend on pixels [first, end).
  int64_t first() const { return windows.front().first; }
  int64_t end() const { return windows.back().first + windows.back().count; }
};

// Throws std::invalid_argument for a filter that Pillow does not have.
Windows windows_of(const AxisPlacement& axis);

}  // namespace jpegcompile::integer
