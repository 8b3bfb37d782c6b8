// How many channels a group has.
#pragma once

#include <cstdint>
#include <string>

#include "tiles/map.h"

namespace jpegcompile {

// Throws KernelError if the channels of a map do not make so many groups.
inline int64_t channels_of_group(const Map& map, int64_t groups) {
  if (groups >= 1 && map.channels % groups == 0) return map.channels / groups;
  throw KernelError(std::to_string(map.channels) + " channels do not make " +
                    std::to_string(groups) + " groups");
}

}  // namespace jpegcompile
