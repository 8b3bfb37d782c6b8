// The window of a pooling operator.
#pragma once

#include <array>
#include <cstdint>

#include "ort/kernel.h"
#include "tiles/map.h"

namespace jpegcompile {

// Pairs are along H and W. Pads are the begins along H and W, then the ends along H and W.
struct PoolWindow {
  std::array<int64_t, 2> kernel{}, strides{}, dilations{1, 1};
  std::array<int64_t, 4> pads{};

  // Throws KernelError for invalid attributes.
  static PoolWindow of(const Node& node);

  // Returns the output map. Throws KernelError if the window exceeds the padded map.
  Map pooled(const Map& map, int64_t group) const;

  // Position of the first tap of output row or column `index`; it may be in the padding.
  int64_t first(int axis, int64_t index) const { return index * strides[axis] - pads[axis]; }
};

}  // namespace jpegcompile
