// Matrices that kernels transform tiles with (jpegcompile/gpu/matrices.py): 64 x 64, with the
// transform of a tile repeated until it fills 64 rows.
#pragma once

#include <vector>

namespace jpegcompile::cuda {

inline constexpr int kTileRows = 64;

enum class Transform {
  kForward,  // pixels to coefficients
  kInverse,  // coefficients to pixels
  kProject,  // pixels to the pixels of their band
};

struct TileMatrix {
  Transform transform = Transform::kForward;
  int block = 1;
  int frequencies = 1;  // the band u + v < frequencies to compute or read
  // For compact tiles, the band that is stored, with its coefficients consecutive; 0 for whole
  // tiles.
  int places = 0;

  // [64, 64]
  std::vector<float> values() const;
  auto operator<=>(const TileMatrix&) const = default;
};

}  // namespace jpegcompile::cuda
