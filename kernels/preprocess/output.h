// Where rows of channels go: into the network's input, in its layout and type.
#pragma once

#include <cstddef>
#include <cstdint>

#include "preprocess/plan.h"
#include "preprocess/steps.h"

namespace jpegcompile {

class Output {
 public:
  // Floats that `scratch` has.
  static size_t scratch_size(const ResultShape& shape, const NetworkNumbers& network);

  // `out` is one image, [C][H][W] or [H][W][C], of floats or of halves.
  Output(const ResultShape& shape, const NetworkNumbers& network, float* scratch, void* out);

  // Where `count` rows are to be written, from row `first` of the shape on; a group at most.
  void aim(ColorStep& step, int64_t first, int64_t count) const;
  // To be called when they are written.
  void take(int64_t first, int64_t count) const;
  // To be called when all are.
  void finish() const;

 private:
  // Whether rows are written to where they stay.
  static bool is_direct(const ResultShape& shape, const NetworkNumbers& network);

  float* group_row(size_t channel, int64_t row) const;
  float* turned_row(size_t channel, int64_t row) const;
  // Brings rows of the group to their places, from row `first` of the network's input on.
  void deliver(int64_t first, int64_t count) const;
  // Numbers at a place of the network's input.
  void deliver(const float* from, int64_t count, int64_t place) const;

  const ResultShape& shape_;
  const NetworkNumbers& network_;
  float* const spare_;   // a row that nobody reads
  float* const line_;    // [width][channels]
  float* const group_;   // [channels][kGroup][width]
  float* const turned_;  // [channels][width][height], if the shape is transposed
  void* const out_;
};

}  // namespace jpegcompile
