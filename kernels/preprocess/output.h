// Where rows of channels go: into the network's input, in its layout.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "preprocess/plan.h"
#include "preprocess/steps.h"

namespace jpegcompile {

class Output {
 public:
  // Floats that `scratch` has.
  static size_t scratch_size(const FrameShape& shape, const NetworkNumbers& network);

  // `out` is one image, [C][H][W] or [H][W][C].
  Output(const FrameShape& shape, const NetworkNumbers& network, float* scratch, float* out);

  // Where `count` rows are to be written, from row `first` of what is made on.
  void aim(ColorStep& step, int64_t first, int64_t count) const;
  // To be called when they are written.
  void take(int64_t first, int64_t count) const;
  // To be called when all are.
  void finish() const;

 private:
  bool is_direct() const { return !shape_.is_transposed && !network_.is_channels_last; }
  float* plane(size_t channel) const;

  const FrameShape& shape_;
  const NetworkNumbers& network_;
  float* const spare_;    // a row that nobody reads
  float* const planes_;   // [channels][rows][size.width]: the result, or what it is made of
  float* const out_;
};

}  // namespace jpegcompile
