// Checks the number of channel groups.
#pragma once

#include <cstdint>
#include <string>

#include "tiles/map.h"

namespace jpegcompile {

// Throws KernelError if the channels of a map cannot be divided into `groups` equal groups.
inline void check_groups(const Map& map, int64_t groups) {
  if (groups >= 1 && map.channels % groups == 0) return;
  throw KernelError(std::to_string(map.channels) + " channels cannot be divided into " +
                    std::to_string(groups) + " groups");
}

}  // namespace jpegcompile
