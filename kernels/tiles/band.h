// Bands of low frequencies: which coefficients of a tile are stored, and where.
//
// A grouped map whose tiles contain only coefficients with u + v < n may be compact:
// [N][C/16][tiles][K][16], tiles in row-major order, each with its K coefficients in row-major
// order. The tensor keeps the shape [N, C, H, W]; its remaining elements are undefined.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "tiles/isa.h"

namespace jpegcompile {

inline constexpr int kMaxBlock = 8;

// The coefficients with u + v < frequencies of tiles of size block x block.
struct Band {
  int block = 1;
  int frequencies = 1;

  // `rows` is the number of rows that contain coefficients. Row u contains (u, 0) to (u, in_row(u)
  // - 1).
  int rows() const { return std::min(frequencies, block); }
  int in_row(int u) const { return std::clamp(frequencies - u, 0, block); }
  int64_t count() const {
    int64_t sum = 0;
    for (int u = 0; u < block; ++u) sum += in_row(u);
    return sum;
  }
};

// Where the tiles of one group of 16 channels are stored, and which coefficients they store; in
// floats.
struct TileLayout {
  int64_t tile_row = 0, tile = 0;                // distance between rows of tiles, between tiles
  std::array<int64_t, kMaxBlock> row{};         // of (u, 0) from the start of a tile
  std::array<int, kMaxBlock> count{};           // stored coefficients of each row
  int rows = 0;                                  // number of rows with coefficients

  // Tiles stored in the rows of a map, `pitch` floats apart.
  static TileLayout in_rows(int block, int64_t pitch) {
    TileLayout layout{block * pitch, int64_t{block} * kLanes, {}, {}, block};
    for (int u = 0; u < block; ++u) {
      layout.row[static_cast<size_t>(u)] = u * pitch;
      layout.count[static_cast<size_t>(u)] = block;
    }
    return layout;
  }

  // Compact tiles.
  static TileLayout compact(const Band& band, int64_t tiles_in_row) {
    TileLayout layout{0, 0, {}, {}, band.rows()};
    for (int u = 0; u < band.block; ++u) {
      layout.row[static_cast<size_t>(u)] = layout.tile;
      layout.count[static_cast<size_t>(u)] = band.in_row(u);
      layout.tile += band.in_row(u) * kLanes;
    }
    layout.tile_row = tiles_in_row * layout.tile;
    return layout;
  }

  // The layout of the same tiles, restricted to the coefficients u + v < frequencies.
  TileLayout within(int frequencies) const {
    TileLayout few = *this;
    few.rows = std::clamp(frequencies, 0, rows);
    for (int u = 0; u < kMaxBlock; ++u) {
      int& kept = few.count[static_cast<size_t>(u)];
      kept = std::clamp(frequencies - u, 0, kept);
    }
    return few;
  }
};

// Tiles of some rows of a group: the address of the first tile, and the layout.
struct Tiles {
  const float* first = nullptr;
  TileLayout at;
};

}  // namespace jpegcompile
