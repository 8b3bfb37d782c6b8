// Shapes of the maps of JpegSpaceToDepth and JpegDepthToSpace.
#pragma once

#include <cstdint>
#include <string>

#include "ort/kernel.h"
#include "tiles/map.h"

namespace jpegcompile {

// Channel (dy side + dx) C + c of the result contains pixel (dy, dx) of all tiles of channel c.
struct SpaceToDepthMaps {
  static Map result(const Map& map, int64_t side) {
    return {map.batch, map.channels * side * side, map.height / side, map.width / side, false};
  }
  static bool fits(const Map& map, int64_t side) {
    return map.height % side == 0 && map.width % side == 0;
  }
  // Number of consecutive channels of the result that come from consecutive channels of the input.
  static int64_t channels_in_a_row(const Map& from, const Map&) { return from.channels; }
};

struct DepthToSpaceMaps {
  static Map result(const Map& map, int64_t side) {
    return {map.batch, map.channels / (side * side), map.height * side, map.width * side, false};
  }
  static bool fits(const Map& map, int64_t side) { return map.channels % (side * side) == 0; }
  static int64_t channels_in_a_row(const Map&, const Map& to) { return to.channels; }
};

// Returns the attribute blocksize. Throws KernelError for invalid values.
inline int64_t side_of(const Node& node) {
  constexpr int64_t kMaxSide = 1 << 10;
  const int64_t side = node.integer("blocksize");
  if (side >= 1 && side <= kMaxSide) return side;
  throw KernelError("attribute blocksize is " + std::to_string(side) + "; it must be 1 to " +
                    std::to_string(kMaxSide));
}

// Returns the map of the result. Throws KernelError for a map that does not consist of whole tiles.
template <typename Maps>
Map rearranged(const Map& map, int64_t side) {
  if (Maps::fits(map, side)) return Maps::result(map, side);
  throw KernelError("x of shape " + map.shape().text() + " cannot be rearranged by tiles of " +
                    std::to_string(side) + "x" + std::to_string(side));
}

}  // namespace jpegcompile
