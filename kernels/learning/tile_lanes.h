// Loads and stores tiles of float maps as PyTorch stores them: vectors of one element of each lane.
//
// Lanes are adjacent channels if channels come last. Otherwise they are tiles that follow each
// other, which are transposed in registers.
#pragma once

#include <cstdint>

#include "tiles/isa.h"
#include "tiles/transpose.h"

namespace jpegcompile {

// Distances within a tile, in elements.
struct TileStrides {
  std::int64_t row, column;
};

// Where the lanes of a vector are.
template <typename V>
struct TileLanes {
  std::int64_t place[kWidth<V>];  // of the first element of each lane's tile
  std::int64_t count;             // lanes in use
  bool is_adjacent;               // whether all lanes are in use and adjacent in memory
};

// Whether vectors of a tile of planes can be transposed in registers.
template <int B, typename V>
inline constexpr bool kTransposesTile = B * B >= kWidth<V>;

// Elements of a tile of planes, kWidth<V> of each lane at a time: `kPiece` are adjacent in memory.
template <int B, typename V>
struct TileChunk {
  static constexpr int kPiece = B < kWidth<V> ? B : kWidth<V>;
  static constexpr int kPieces = kWidth<V> / kPiece;
  static constexpr int kCount = B * B / kWidth<V>;

  // The place of a piece in memory.
  static std::int64_t place(const TileStrides& at, int chunk, int piece) {
    const int element = chunk * kWidth<V> + piece * kPiece;
    return element / B * at.row + element % B;
  }
  static V& element(V (&tile)[B][B], int chunk, int i) {
    const int index = chunk * kWidth<V> + i;
    return tile[index / B][index % B];
  }
};

template <int B, typename V>
JPEGCOMPILE_INLINE void load_planes(const float* from, const TileStrides& at,
                                    const TileLanes<V>& lanes, V (&tile)[B][B]) {
  using Chunks = TileChunk<B, V>;
  for (int chunk = 0; chunk < Chunks::kCount; ++chunk) {
    float elements[kWidth<V>][kWidth<V>];
#pragma GCC unroll 16
    for (int lane = 0; lane < kWidth<V>; ++lane) {
#pragma GCC unroll 4
      for (int piece = 0; piece < Chunks::kPieces; ++piece) {
        __builtin_memcpy(elements[lane] + piece * Chunks::kPiece,
                         from + lanes.place[lane] + Chunks::place(at, chunk, piece),
                         sizeof(float) * Chunks::kPiece);
      }
    }
    V lines[kWidth<V>];
    __builtin_memcpy(&lines, elements, sizeof(lines));
    transpose(lines);
#pragma GCC unroll 16
    for (int i = 0; i < kWidth<V>; ++i) Chunks::element(tile, chunk, i) = lines[i];
  }
}

template <int B, typename V>
JPEGCOMPILE_INLINE void store_planes(float* to, const TileStrides& at, const TileLanes<V>& lanes,
                                     V (&tile)[B][B]) {
  using Chunks = TileChunk<B, V>;
  for (int chunk = 0; chunk < Chunks::kCount; ++chunk) {
    V lines[kWidth<V>];
#pragma GCC unroll 16
    for (int i = 0; i < kWidth<V>; ++i) lines[i] = Chunks::element(tile, chunk, i);
    transpose(lines);
    float elements[kWidth<V>][kWidth<V>];
    __builtin_memcpy(elements, &lines, sizeof(lines));
#pragma GCC unroll 16
    for (int lane = 0; lane < kWidth<V>; ++lane) {
#pragma GCC unroll 4
      for (int piece = 0; piece < Chunks::kPieces; ++piece) {
        __builtin_memcpy(to + lanes.place[lane] + Chunks::place(at, chunk, piece),
                         elements[lane] + piece * Chunks::kPiece, sizeof(float) * Chunks::kPiece);
      }
    }
  }
}

// Loads one tile of `count` lanes; the other lanes are zero.
template <int B, typename V>
JPEGCOMPILE_INLINE void load_tile(const float* from, const TileStrides& at,
                                  const TileLanes<V>& lanes, V (&tile)[B][B]) {
  if (lanes.is_adjacent) {
    for (int row = 0; row < B; ++row) {
#pragma GCC unroll 8
      for (int column = 0; column < B; ++column) {
        tile[row][column] = load<V>(from + lanes.place[0] + row * at.row + column * at.column);
      }
    }
    return;
  }
  if constexpr (kTransposesTile<B, V>) {
    if (at.column == 1 && lanes.count == kWidth<V>) return load_planes(from, at, lanes, tile);
  }
  float elements[B][B][kWidth<V>] = {};
  for (std::int64_t lane = 0; lane < lanes.count; ++lane) {
    for (int row = 0; row < B; ++row) {
#pragma GCC unroll 8
      for (int column = 0; column < B; ++column) {
        elements[row][column][lane] =
            from[lanes.place[lane] + row * at.row + column * at.column];
      }
    }
  }
  __builtin_memcpy(&tile, elements, sizeof(tile));
}

template <int B, typename V>
JPEGCOMPILE_INLINE void store_tile(float* to, const TileStrides& at, const TileLanes<V>& lanes,
                                   V (&tile)[B][B]) {
  if (lanes.is_adjacent) {
    for (int row = 0; row < B; ++row) {
#pragma GCC unroll 8
      for (int column = 0; column < B; ++column) {
        store(to + lanes.place[0] + row * at.row + column * at.column, tile[row][column]);
      }
    }
    return;
  }
  if constexpr (kTransposesTile<B, V>) {
    if (at.column == 1 && lanes.count == kWidth<V>) return store_planes(to, at, lanes, tile);
  }
  float elements[B][B][kWidth<V>];
  __builtin_memcpy(elements, &tile, sizeof(tile));
  for (std::int64_t lane = 0; lane < lanes.count; ++lane) {
    for (int row = 0; row < B; ++row) {
#pragma GCC unroll 8
      for (int column = 0; column < B; ++column) {
        to[lanes.place[lane] + row * at.row + column * at.column] =
            elements[row][column][lane];
      }
    }
  }
}

}  // namespace jpegcompile
