// The window of a pooling operator, and what it sees of a map.
#pragma once

#include <array>
#include <cstdint>

#include "ort/kernel.h"
#include "tiles/map.h"

namespace jpegcompile {

// Pairs are along H and along W; pads are begin of H and W, then end of H and W.
struct PoolWindow {
  std::array<int64_t, 2> kernel{}, strides{}, dilations{1, 1};
  std::array<int64_t, 4> pads{};

  // Throws KernelError for attributes that are no window over height and width.
  static PoolWindow of(const Node& node);

  // The map that pooling gives. Throws KernelError if the window exceeds the padded map.
  Map pooled(const Map& map, int64_t group) const;

  // Where the first tap of output row or column `index` stands; it may be in the padding.
  int64_t first(int axis, int64_t index) const { return index * strides[axis] - pads[axis]; }
};

}  // namespace jpegcompile
