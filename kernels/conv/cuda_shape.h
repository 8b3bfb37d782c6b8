// What CUDA kernels need from a convolution (kernels/conv/launch.py): the channels that a program
// reads, and packed weights.
#pragma once

#include <cstdint>
#include <vector>

#include "conv/weights.h"
#include "cuda/choice.h"

namespace jpegcompile {

// kThinOnCuda: number of channels of images that have their own kernels. kMaxThinDepth: longest
// step of these kernels.
inline constexpr int64_t kThinOnCuda = 4;
inline constexpr int64_t kMaxThinDepth = 64;

// Whether a window fits into the steps of thin kernels.
bool can_be_thin(const Window& window);

class CudaShape {
 public:
  CudaShape(const Weights& weights, bool is_thin) : weights_(weights), is_thin_(is_thin) {}

  // Input and output channels of a group. An ungrouped convolution is one group.
  int64_t group_in() const;
  int64_t group_out() const;
  // `span` is the number of input channels that a program of `tile_channels` output channels reads:
  // the inputs of every group that these outputs belong to. `last_start` is the first input channel
  // that the last program may read.
  int64_t span(int64_t tile_channels) const;
  int64_t last_start(int64_t tile_channels) const;
  // Whether a tiling divides the terms that a program sums.
  bool accepts(const cuda::Tiling& tiling) const;
  // Tilings with the same key have the same packed weights.
  int64_t key(const cuda::Tiling& tiling) const;
  // Converts OIHW weights to the order of the kernels: output channels, taps, and the inputs of a
  // tap.
  std::vector<float> packed(const float* weight, const cuda::Tiling& tiling) const;

 private:
  int64_t stored() const;
  int64_t thin_depth() const;
  std::vector<float> packed_thin(const float* weight) const;

  const Weights& weights_;
  bool is_thin_;
};

}  // namespace jpegcompile
