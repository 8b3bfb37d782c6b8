// Coefficients of few frequencies: which of a tile's there are, and where they stand.
//
// A map of which no tile holds others than those of u + v < n, in groups of channels, may stand
// compactly: [N][C/16][tiles][K][16], tiles row by row, and of each its K coefficients row by row.
// The tensor's shape stays [N, C, H, W]; what is behind these elements of it has no meaning.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "tiles/isa.h"

namespace jpegcompile {

inline constexpr int kMostBlock = 8;

// The coefficients u + v < frequencies of tiles of that size.
struct Band {
  int block = 1;
  int frequencies = 1;

  // Rows that hold any, and coefficients (u, 0), (u, 1), ... of row u.
  int rows() const { return std::min(frequencies, block); }
  int in_row(int u) const { return std::clamp(frequencies - u, 0, block); }
  int64_t count() const {
    int64_t sum = 0;
    for (int u = 0; u < block; ++u) sum += in_row(u);
    return sum;
  }
};

// Where the tiles of one group of 16 channels stand, and the coefficients of each; in floats.
struct TileLayout {
  int64_t tile_row = 0, tile = 0;                // from a row of tiles, a tile, to the next
  std::array<int64_t, kMostBlock> row{};         // of (u, 0) from the beginning of a tile
  std::array<int, kMostBlock> count{};           // coefficients of each row that are there
  int rows = 0;                                  // rows that have any

  // Tiles in the rows of a map, `pitch` floats apart.
  static TileLayout in_rows(int block, int64_t pitch) {
    TileLayout layout{block * pitch, int64_t{block} * kLanes, {}, {}, block};
    for (int u = 0; u < block; ++u) {
      layout.row[static_cast<size_t>(u)] = u * pitch;
      layout.count[static_cast<size_t>(u)] = block;
    }
    return layout;
  }

  // Tiles that stand compactly, so many in a row of tiles.
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

  // Of the same tiles the coefficients u + v < frequencies alone.
  TileLayout within(int frequencies) const {
    TileLayout few = *this;
    few.rows = std::clamp(frequencies, 0, rows);
    for (int u = 0; u < kMostBlock; ++u) {
      int& kept = few.count[static_cast<size_t>(u)];
      kept = std::clamp(frequencies - u, 0, kept);
    }
    return few;
  }
};

// Tiles of some rows of a group: where the first of them begins, and how they stand.
struct Tiles {
  const float* first = nullptr;
  TileLayout at;
};

}  // namespace jpegcompile
