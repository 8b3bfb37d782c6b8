// Which maps have so many groups of channels.
#pragma once

#include <cstdint>
#include <string>

#include "tiles/map.h"

namespace jpegcompile {

// Throws KernelError if the channels of a map do not make so many groups.
inline void check_groups(const Map& map, int64_t groups) {
  if (groups >= 1 && map.channels % groups == 0) return;
  throw KernelError(std::to_string(map.channels) + " channels do not make " +
                    std::to_string(groups) + " groups");
}

}  // namespace jpegcompile
