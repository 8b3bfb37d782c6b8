// Masks of piecewise linear functions: a byte for each pixel, 1 where it is multiplied by a slope.
#pragma once

#include <cstdint>

#include "learning/tile_lanes.h"
#include "tiles/isa.h"

namespace jpegcompile {

// A byte for each lane of a vector.
using ByteFlags4 = std::uint8_t __attribute__((vector_size(4)));
using ByteFlags8 = std::uint8_t __attribute__((vector_size(8)));
using ByteFlags16 = std::uint8_t __attribute__((vector_size(16)));
template <typename V>
struct ByteFlagsOf;
template <>
struct ByteFlagsOf<Float4> {
  using Type = ByteFlags4;
};
template <>
struct ByteFlagsOf<Float8> {
  using Type = ByteFlags8;
};
template <>
struct ByteFlagsOf<Float16> {
  using Type = ByteFlags16;
};
template <typename V>
using ByteFlags = typename ByteFlagsOf<V>::Type;

// Flags of one element: 1 where `rough` is not positive. NaN counts as positive.
template <typename V>
JPEGCOMPILE_INLINE ByteFlags<V> flags_of(const V& rough) {
  return -__builtin_convertvector(rough <= V{}, ByteFlags<V>);
}

// The flags of a tile.
template <int B, typename V>
using TileFlags = ByteFlags<V>[B][B];

template <int B, typename V>
JPEGCOMPILE_INLINE void store_flags(std::uint8_t* to, const TileStrides& at,
                                    const TileLanes<V>& lanes, const TileFlags<B, V>& flags) {
  if (lanes.is_adjacent) {
    for (int row = 0; row < B; ++row) {
      for (int column = 0; column < B; ++column) {
        __builtin_memcpy(to + lanes.place[0] + row * at.row + column * at.column,
                         &flags[row][column], sizeof(ByteFlags<V>));
      }
    }
    return;
  }
  std::uint8_t bytes[B][B][kWidth<V>];
  __builtin_memcpy(bytes, &flags, sizeof(bytes));
  for (std::int64_t lane = 0; lane < lanes.count; ++lane) {
    for (int row = 0; row < B; ++row) {
#pragma GCC unroll 8
      for (int column = 0; column < B; ++column) {
        to[lanes.place[lane] + row * at.row + column * at.column] = bytes[row][column][lane];
      }
    }
  }
}

template <int B, typename V>
JPEGCOMPILE_INLINE void load_flags(const std::uint8_t* from, const TileStrides& at,
                                   const TileLanes<V>& lanes, TileFlags<B, V>& flags) {
  if (lanes.is_adjacent) {
    for (int row = 0; row < B; ++row) {
      for (int column = 0; column < B; ++column) {
        __builtin_memcpy(&flags[row][column],
                         from + lanes.place[0] + row * at.row + column * at.column,
                         sizeof(ByteFlags<V>));
      }
    }
    return;
  }
  std::uint8_t bytes[B][B][kWidth<V>] = {};
  for (std::int64_t lane = 0; lane < lanes.count; ++lane) {
    for (int row = 0; row < B; ++row) {
#pragma GCC unroll 8
      for (int column = 0; column < B; ++column) {
        bytes[row][column][lane] = from[lanes.place[lane] + row * at.row + column * at.column];
      }
    }
  }
  __builtin_memcpy(&flags, bytes, sizeof(bytes));
}

// The slope 0 makes zeros of infinite pixels, too.
template <typename V>
JPEGCOMPILE_INLINE V sloped(const V& pixel, float slope) {
  return slope != 0 ? pixel * slope : V{};
}

// Multiplies the pixels of a tile by the slope where the approximation is not positive.
template <int B, typename V>
JPEGCOMPILE_INLINE void mask_tile(float slope, const V (&rough)[B][B], V (&pixels)[B][B],
                                  TileFlags<B, V>& flags) {
  for (int row = 0; row < B; ++row) {
#pragma GCC unroll 8
    for (int column = 0; column < B; ++column) {
      const V seen = rough[row][column];
      V& pixel = pixels[row][column];
      flags[row][column] = flags_of(seen);
      pixel = seen <= V{} ? sloped(pixel, slope) : pixel;
    }
  }
}

// Multiplies the flagged pixels of a tile by the slope.
template <int B, typename V>
JPEGCOMPILE_INLINE void scale_flagged(float slope, const TileFlags<B, V>& flags,
                                      V (&pixels)[B][B]) {
  using Integers = decltype(pixels[0][0] <= pixels[0][0]);
  for (int row = 0; row < B; ++row) {
#pragma GCC unroll 8
    for (int column = 0; column < B; ++column) {
      const Integers wide = __builtin_convertvector(flags[row][column], Integers);
      V& pixel = pixels[row][column];
      pixel = wide != Integers{} ? sloped(pixel, slope) : pixel;
    }
  }
}

}  // namespace jpegcompile
