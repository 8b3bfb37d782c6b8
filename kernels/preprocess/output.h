// Writes rows of channels to the network's input, in its layout and type.
#pragma once

#include <cstddef>
#include <cstdint>

#include "preprocess/plan.h"
#include "preprocess/steps.h"

namespace jpegcompile {

class Output {
 public:
  // Number of floats that `scratch` must have.
  static size_t scratch_size(const ResultShape& shape, const NetworkNumbers& network);

  // `out` is one image, [C][H][W] or [H][W][C], of float32 or float16.
  Output(const ResultShape& shape, const NetworkNumbers& network, float* scratch, void* out);

  // Sets the results of a step to where rows [first, first + count) of the shape must be written.
  // `count` is at most kGroup.
  void aim(ColorStep& step, int64_t first, int64_t count) const;
  // Must be called after these rows were written.
  void take(int64_t first, int64_t count) const;
  // Must be called after all rows were written.
  void finish() const;

 private:
  // Whether rows are written directly to `out`.
  static bool is_direct(const ResultShape& shape, const NetworkNumbers& network);

  float* group_row(size_t channel, int64_t row) const;
  float* turned_row(size_t channel, int64_t row) const;
  // Copies the rows of the group to rows [first, first + count) of the network's input.
  void deliver(int64_t first, int64_t count) const;
  // Copies `count` numbers to index `place` of the network's input.
  void deliver(const float* from, int64_t count, int64_t place) const;

  const ResultShape& shape_;
  const NetworkNumbers& network_;
  float* const spare_;   // a row for results that are not used
  float* const line_;    // [width][channels]
  float* const group_;   // [channels][kGroup][width]
  float* const turned_;  // [channels][width][height], only for transposed shapes
  void* const out_;
};

}  // namespace jpegcompile
