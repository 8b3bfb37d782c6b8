// Which maps JpegSpaceToDepth and JpegDepthToSpace take and make.
#pragma once

#include <cstdint>
#include <string>

#include "ort/kernel.h"
#include "tiles/map.h"

namespace jpegcompile {

// Channel (dy side + dx) C + c of the result has the pixels (dy, dx) of tiles of channel c.
struct SpaceToDepthMaps {
  static Map result(const Map& map, int64_t side) {
    return {map.batch, map.channels * side * side, map.height / side, map.width / side, false};
  }
  static bool fits(const Map& map, int64_t side) {
    return map.height % side == 0 && map.width % side == 0;
  }
  // Channels in a row of the result that come from channels in a row of the map.
  static int64_t channels_in_a_row(const Map& from, const Map&) { return from.channels; }
};

struct DepthToSpaceMaps {
  static Map result(const Map& map, int64_t side) {
    return {map.batch, map.channels / (side * side), map.height * side, map.width * side, false};
  }
  static bool fits(const Map& map, int64_t side) { return map.channels % (side * side) == 0; }
  static int64_t channels_in_a_row(const Map&, const Map& to) { return to.channels; }
};

// Throws KernelError for a side that is none.
inline int64_t side_of(const Node& node) {
  constexpr int64_t kMaxSide = 1 << 10;
  const int64_t side = node.integer("blocksize");
  if (side >= 1 && side <= kMaxSide) return side;
  throw KernelError("its blocksize is " + std::to_string(side) + ", it has to be from 1 to " +
                    std::to_string(kMaxSide));
}

// Throws KernelError for a map that does not rearrange.
template <typename Maps>
Map rearranged(const Map& map, int64_t side) {
  if (Maps::fits(map, side)) return Maps::result(map, side);
  throw KernelError("x of shape " + map.shape().text() + " does not rearrange by " +
                    std::to_string(side) + "x" + std::to_string(side));
}

}  // namespace jpegcompile
