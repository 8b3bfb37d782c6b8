// What kernels for CUDA take of a convolution (kernels/conv/launch.py): which channels a program
// reads, and its weights.
#pragma once

#include <cstdint>
#include <vector>

#include "conv/weights.h"
#include "cuda/choice.h"

namespace jpegcompile {

// Channels of images that have kernels of their own, and the most numbers of a step of these.
inline constexpr int64_t kThinOnCuda = 4;
inline constexpr int64_t kMostThinDepth = 64;

// Whether thin kernels have steps long enough for a window.
bool can_be_thin(const Window& window);

class CudaShape {
 public:
  CudaShape(const Weights& weights, bool is_thin) : weights_(weights), is_thin_(is_thin) {}

  // Input and output channels of a group; all are one group unless the convolution has more.
  int64_t group_in() const;
  int64_t group_out() const;
  // Input channels that a program of so many output channels reads: those of all groups that it
  // makes channels of; and where the last program may begin to read.
  int64_t span(int64_t tile_channels) const;
  int64_t last_start(int64_t tile_channels) const;
  // Whether a tiling divides what a program sums over.
  bool accepts(const cuda::Tiling& tiling) const;
  // Tilings of one key have the same packed weights.
  int64_t key(const cuda::Tiling& tiling) const;
  // OIHW weights as kernels read them: output channels, taps, and numbers that a tap reads.
  std::vector<float> packed(const float* weight, const cuda::Tiling& tiling) const;

 private:
  int64_t stored() const;
  int64_t thin_depth() const;
  std::vector<float> packed_thin(const float* weight) const;

  const Weights& weights_;
  bool is_thin_;
};

}  // namespace jpegcompile
