// What each pixel of a resized and cropped axis takes of the pixels of an image, in float64; the
// definitions are those of jpegcompile/dct/filters.py.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "preprocess/placement.h"

namespace jpegcompile {

// Outputs that are sums of consecutive inputs by their weights.
class Taps {
 public:
  struct Run {
    int64_t first = 0;  // input
    int64_t count = 0;  // inputs; none where an output shows the fill
    size_t offset = 0;  // of the weights
  };

  void reserve(size_t outputs, size_t weights);
  // Adds an output; weights of 0 at both ends are left out.
  void add(int64_t first, const std::vector<double>& weights);
  void reverse_outputs();
  // Input i becomes size - 1 - i.
  void reverse_inputs(int64_t size);

  const std::vector<Run>& runs() const { return runs_; }
  const double* weights(const Run& run) const { return weights_.data() + run.offset; }

 private:
  std::vector<Run> runs_;
  std::vector<double> weights_;
};

// Throws std::invalid_argument if the library has no such filter.
void check_filter(const ResizeFilter& filter);

// What every output of a placed axis takes of the image, of an axis as the file stores it. The
// weights of an output sum to 1.
Taps taps_of(const AxisPlacement& axis);

}  // namespace jpegcompile
