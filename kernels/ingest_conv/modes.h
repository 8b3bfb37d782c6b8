// What the coefficients of a component's blocks are in pixels, along one axis.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "ingest/pixel_matrix.h"

namespace jpegcompile {

// Nearly all blocks of an axis have the same functions of pixels, `pitch` pixels apart from block
// to block. Those of a block at the border differ: the triangle filter repeats its last sample, and
// what sticks out over the image is cut. Such differences are few functions of their own,
//
//   f'_u(x) = f_u(x) + sum over e of factor(e, u) d_e(x),
//
// so that a block has 8 modes and some extra ones, whatever it looks like.
struct AxisModes {
  // Of a block at the border: its modes from `first` on, as sums of its 8 frequencies.
  struct Edge {
    int64_t first = 0;
    std::vector<std::array<float, kFrequencies>> factors;
  };

  int64_t blocks = 0, pitch = 0;
  int64_t first = 0, width = 0;  // pixels that modes touch, from a block's origin
  std::vector<std::vector<double>> functions;  // [modes][width]
  std::vector<Edge> edges;
  std::vector<int> edge_of;  // of each block, -1 where it has none

  int64_t modes() const { return static_cast<int64_t>(functions.size()); }

  // Nothing where blocks differ by more than a few functions: then sums over responses are no way
  // to convolve.
  static std::optional<AxisModes> of(const PixelMatrix& matrix);
};

}  // namespace jpegcompile
