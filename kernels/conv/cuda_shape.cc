#include "conv/cuda_shape.h"

#include <algorithm>
#include <bit>

#include "cuda/views.h"

namespace jpegcompile {
namespace {

int64_t reach_of(const Window& window) {
  return (window.kernel_width - 1) * window.dilation_x + 1;
}

}  // namespace

bool can_be_thin(const Window& window) { return kThinOnCuda * reach_of(window) <= kMaxThinDepth; }

int64_t CudaShape::group_in() const {
  return weights_.window.group == 1 ? 0 : weights_.inputs / weights_.window.group;
}

int64_t CudaShape::group_out() const {
  if (weights_.window.group == 1) return cuda::padded(weights_.outputs);
  return weights_.outputs / weights_.window.group;
}

int64_t CudaShape::stored() const {
  return is_thin_ ? kThinOnCuda : cuda::padded(weights_.inputs);
}

int64_t CudaShape::span(int64_t tile_channels) const {
  if (weights_.window.group == 1) return stored();
  int64_t widest = 0;
  for (int64_t first = 0; first < weights_.outputs; first += tile_channels) {
    const int64_t last = std::min(first + tile_channels, weights_.outputs) - 1;
    const int64_t start = first / group_out() * group_in() / kLanes * kLanes;
    widest = std::max(widest, (last / group_out() + 1) * group_in() - start);
  }
  return std::min(cuda::padded(widest), stored());
}

int64_t CudaShape::last_start(int64_t tile_channels) const {
  return stored() - span(tile_channels);
}

int64_t CudaShape::thin_depth() const {
  const auto steps = std::bit_ceil(static_cast<uint64_t>(reach_of(weights_.window)));
  return kThinOnCuda * std::max<int64_t>(4, static_cast<int64_t>(steps));
}

bool CudaShape::accepts(const cuda::Tiling& tiling) const {
  if (tiling.depth == 0) return false;
  if (is_thin_) return tiling.depth == thin_depth();
  return span(tiling.channels) % tiling.depth == 0;
}

int64_t CudaShape::key(const cuda::Tiling& tiling) const {
  return is_thin_ || weights_.window.group == 1 ? 0 : tiling.channels;
}

std::vector<float> CudaShape::packed(const float* weight, const cuda::Tiling& tiling) const {
  if (is_thin_) return packed_thin(weight);
  const Window& window = weights_.window;
  const int64_t taps = window.kernel_height * window.kernel_width;
  const int64_t inputs = weights_.inputs / window.group, outputs = weights_.outputs / window.group;
  const int64_t width = span(tiling.channels), last = last_start(tiling.channels);
  std::vector<float> made(static_cast<size_t>(cuda::padded(weights_.outputs) * taps * width));
  for (int64_t output = 0; output < weights_.outputs; ++output) {
    const int64_t block = output / tiling.channels * tiling.channels;
    const int64_t start = std::min(block / outputs * inputs / kLanes * kLanes, last);
    const int64_t place = output / outputs * inputs - (window.group > 1 ? start : 0);
    for (int64_t input = 0; input < inputs; ++input) {
      for (int64_t tap = 0; tap < taps; ++tap) {
        made[static_cast<size_t>((output * taps + tap) * width + place + input)] =
            weight[(output * inputs + input) * taps + tap];
      }
    }
  }
  return made;
}

std::vector<float> CudaShape::packed_thin(const float* weight) const {
  const Window& window = weights_.window;
  const int64_t inputs = weights_.inputs / window.group, outputs = weights_.outputs / window.group;
  const int64_t rows = window.kernel_height, columns = window.kernel_width;
  const int64_t depth = thin_depth();
  std::vector<float> made(static_cast<size_t>(cuda::padded(weights_.outputs) * rows * depth));
  for (int64_t output = 0; output < weights_.outputs; ++output) {
    for (int64_t input = 0; input < inputs; ++input) {
      for (int64_t row = 0; row < rows; ++row) {
        for (int64_t column = 0; column < columns; ++column) {
          const int64_t at = (output * rows + row) * depth +
                             column * window.dilation_x * kThinOnCuda +
                             output / outputs * inputs + input;
          made[static_cast<size_t>(at)] =
              weight[((output * inputs + input) * rows + row) * columns + column];
        }
      }
    }
  }
  return made;
}

}  // namespace jpegcompile
