// Matrices that act on one axis of maps: mostly zeros, since a tile sees few others.
#pragma once

#include <cstdint>
#include <vector>

#include "tiles/isa.h"
#include "tiles/tensor.h"

namespace jpegcompile {

// The entries that are not zero, by output. Entries that are nothing beside the largest one of
// their output, which products of transforms leave where zeros should be, count as zeros.
struct AxisMatrix {
  struct Entry {
    int64_t input;
    float factor;
  };

  int64_t outputs = 0, inputs = 0;
  std::vector<int64_t> starts;  // of each output's entries, and the end of the last
  std::vector<Entry> entries;   // by rising input

  // A left matrix [outputs, inputs], and a right one, [inputs, outputs].
  static AxisMatrix of_left(const Tensor& matrix, const char* name);
  static AxisMatrix of_right(const Tensor& matrix, const char* name);

  // The inputs [first, last) that a range of outputs reads.
  struct Range {
    int64_t first, last;
  };
  Range range(int64_t first_output, int64_t last_output) const;

  // Whether each output of the range is the input of the same number.
  bool is_identity(int64_t first_output, int64_t last_output) const;
};

// Outputs [first, last) of a matrix, for lines side by side: columns of pixels where the matrix
// acts on rows, and rows where it acts on columns.
struct AxisRuns {
  const AxisMatrix& matrix;
  int64_t first, last;
  const float* from;  // input `first_input` of the first line
  int64_t first_input;
  float* to;                   // output `first` of the first line
  int64_t from_step, to_step;  // from one input or output to the next
  int64_t lines, from_line, to_line;
  int run = kLanes;  // floats of an element of a line, 8 or 16
};

void apply_axis(const AxisRuns& runs);

}  // namespace jpegcompile
