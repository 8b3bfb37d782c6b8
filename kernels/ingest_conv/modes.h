// Modes: the pixels that the coefficients of a component's blocks contribute to, along one axis.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "ingest/pixel_matrix.h"

namespace jpegcompile {

// Nearly all blocks of an axis have the same functions of pixels, `pitch` pixels apart from block
// to block. Blocks at the border differ: the triangle filter repeats its last sample, and pixels
// outside the image are cut off. Such differences are combinations of a few functions,
//
//   f'_u(x) = f_u(x) + sum over e of factor(e, u) d_e(x),
//
// so a block has 8 modes and at most a few extra modes.
struct AxisModes {
  // The extra modes of a block at the border: from `first` on, each a sum of the block's 8
  // frequencies.
  struct Edge {
    int64_t first = 0;
    std::vector<std::array<float, kFrequencies>> factors;
  };

  int64_t blocks = 0, pitch = 0;
  int64_t first = 0, width = 0;  // the pixels that modes cover, relative to a block's origin
  std::vector<std::vector<double>> functions;  // [modes][width]
  std::vector<Edge> edges;
  std::vector<int> edge_of;  // for each block, -1 if it has none

  int64_t modes() const { return static_cast<int64_t>(functions.size()); }

  // Returns nothing if blocks differ by more than a few functions; the convolution then cannot be
  // computed as a sum of responses.
  static std::optional<AxisModes> of(const PixelMatrix& matrix);
};

}  // namespace jpegcompile
