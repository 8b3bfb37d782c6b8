// Exchanges of pixels and channels.
#pragma once

#include <cstdint>

#include "ort/kernel.h"
#include "tiles/map.h"

namespace jpegcompile {

// To depth, channel (dy side + dx) C + c of the result has the pixels (dy, dx) of tiles of channel
// c; to space is the inverse.
class Rearrangement {
 public:
  // Throws KernelError for a block size that means nothing.
  Rearrangement(const Node& node, bool to_depth);

  int64_t side() const { return side_; }
  bool to_depth() const { return to_depth_; }
  // The map that is made of another. Throws KernelError if there is none.
  Map result(const Map& from, int64_t group) const;

 private:
  int64_t side_;
  bool to_depth_;
};

}  // namespace jpegcompile
