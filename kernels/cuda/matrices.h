// Matrices by which kernels transform tiles (jpegcompile/gpu/matrices.py): 64 x 64, the transform of
// a tile once for each tile of 64 rows.
#pragma once

#include <vector>

namespace jpegcompile::cuda {

inline constexpr int kTileRows = 64;

enum class Transform {
  kForward,  // pixels to coefficients
  kInverse,  // coefficients to pixels
  kProject,  // pixels to the pixels that the band makes
};

struct TileMatrix {
  Transform transform = Transform::kForward;
  int block = 1;
  int frequencies = 1;  // the band u + v < frequencies that is kept or read
  // Of tiles that stand compactly, the band that has places, which are side by side; 0 for
  // coefficients at their places in the tile.
  int places = 0;

  // [64, 64]
  std::vector<float> values() const;
  auto operator<=>(const TileMatrix&) const = default;
};

}  // namespace jpegcompile::cuda
