// Matrices that act on one axis of maps. They are sparse, because a tile depends on few other
// tiles.
#pragma once

#include <cstdint>
#include <vector>

#include "tiles/isa.h"
#include "tiles/tensor.h"

namespace jpegcompile {

// The nonzero entries of a matrix, sorted by output. Products of transforms leave tiny values in
// place of zeros; entries that are negligible against the largest entry of their output count as
// zeros.
struct AxisMatrix {
  struct Entry {
    int64_t input;
    float factor;
  };

  int64_t outputs = 0, inputs = 0;
  std::vector<int64_t> starts;  // first entry of each output, then the number of entries
  std::vector<Entry> entries;   // by ascending input

  // `of_left` reads a left matrix [outputs, inputs], `of_right` a right matrix [inputs, outputs].
  static AxisMatrix of_left(const Tensor& matrix, const char* name);
  static AxisMatrix of_right(const Tensor& matrix, const char* name);

  // The inputs [first, last) that a range of outputs reads.
  struct Range {
    int64_t first, last;
  };
  Range range(int64_t first_output, int64_t last_output) const;

  // Whether every output in the range equals the input with the same index.
  bool is_identity(int64_t first_output, int64_t last_output) const;
};

// Outputs [first, last) of a matrix, for several parallel lines. Lines are columns of pixels where
// the matrix acts on rows, and rows where it acts on columns.
struct AxisRuns {
  const AxisMatrix& matrix;
  int64_t first, last;
  const float* from;  // input `first_input` of the first line
  int64_t first_input;
  float* to;                   // output `first` of the first line
  int64_t from_step, to_step;  // from one input or output to the next
  int64_t lines, from_line, to_line;
  int run = kLanes;  // floats in one element of a line, 8 or 16
};

void apply_axis(const AxisRuns& runs);

}  // namespace jpegcompile
