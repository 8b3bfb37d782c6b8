#include "cuda/matrices.h"

#include <cmath>
#include <cstddef>
#include <numbers>

namespace jpegcompile::cuda {
namespace {

// One element of the orthonormal DCT-II matrix.
double basis(int order, int u, int sample) {
  const double scale = std::sqrt((u == 0 ? 1.0 : 2.0) / order);
  return scale * std::cos((2 * sample + 1) * u * std::numbers::pi / (2 * order));
}

}  // namespace

std::vector<float> TileMatrix::values() const {
  const int size = block * block;
  const auto at = [&](std::vector<double>& tile, int row, int column) -> double& {
    return tile[static_cast<size_t>(row * size + column)];
  };
  // Rows of the two-dimensional transform, ordered as their coefficients are stored; other rows are
  // zero.
  std::vector<double> kept(static_cast<size_t>(size * size));
  int place = 0;
  for (int row = 0; row < size; ++row) {
    const int u = row / block, v = row % block;
    const bool has_place = places == 0 || u + v < places;
    const int to = places == 0 ? row : place;
    if (has_place) ++place;
    if (!has_place || u + v >= frequencies) continue;
    for (int pixel = 0; pixel < size; ++pixel) {
      at(kept, to, pixel) = basis(block, u, pixel / block) * basis(block, v, pixel % block);
    }
  }
  std::vector<float> whole(static_cast<size_t>(kTileRows * kTileRows));
  for (int row = 0; row < size; ++row) {
    for (int column = 0; column < size; ++column) {
      double value = 0;
      switch (transform) {
        case Transform::kForward:
          value = at(kept, row, column);
          break;
        case Transform::kInverse:
          value = at(kept, column, row);
          break;
        case Transform::kProject:
          for (int k = 0; k < size; ++k) value += at(kept, k, row) * at(kept, k, column);
          break;
      }
      for (int first = 0; first < kTileRows; first += size) {
        whole[static_cast<size_t>((first + row) * kTileRows + first + column)] =
            static_cast<float>(value);
      }
    }
  }
  return whole;
}

}  // namespace jpegcompile::cuda
