#include "rearrange/rearrangement.h"

#include <string>

namespace jpegcompile {
namespace {

constexpr int64_t kMostSide = 1 << 10;

}  // namespace

Rearrangement::Rearrangement(const Node& node, bool to_depth)
    : side_(node.integer("blocksize")), to_depth_(to_depth) {
  if (side_ >= 1 && side_ <= kMostSide) return;
  throw KernelError("its blocksize is " + std::to_string(side_) + ", it has to be from 1 to " +
                    std::to_string(kMostSide));
}

Map Rearrangement::result(const Map& from, int64_t group) const {
  const int64_t pixels = side_ * side_;
  const bool fits = to_depth_ ? from.height % side_ == 0 && from.width % side_ == 0
                              : from.channels % pixels == 0;
  if (!fits) {
    throw KernelError("x of shape " + from.shape().text() + " does not rearrange by " +
                      std::to_string(side_) + "x" + std::to_string(side_));
  }
  const Shape deep{from.batch, from.channels * pixels, from.height / side_, from.width / side_};
  const Shape wide{from.batch, from.channels / pixels, from.height * side_, from.width * side_};
  return Map::of(to_depth_ ? deep : wide, group, "y");
}

}  // namespace jpegcompile
