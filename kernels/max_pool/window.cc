#include "max_pool/window.h"

#include <algorithm>
#include <string>

namespace jpegcompile {
namespace {

// Larger than any map, and small enough that products of two such numbers fit into 64 bits.
constexpr int64_t kMax = int64_t{1} << 30;

template <size_t kCount>
void read(const Node& node, const char* name, int64_t least, std::array<int64_t, kCount>& into) {
  const std::vector<int64_t> values = node.integers(name);
  const bool is_valid = values.size() == kCount && std::ranges::all_of(values, [&](int64_t value) {
    return value >= least && value <= kMax;
  });
  if (!is_valid) {
    throw KernelError("attribute " + std::string(name) + " must be " + std::to_string(kCount) +
                      " numbers, each at least " + std::to_string(least));
  }
  std::copy(values.begin(), values.end(), into.begin());
}

}  // namespace

PoolWindow PoolWindow::of(const Node& node) {
  PoolWindow window;
  read(node, "kernel_shape", 1, window.kernel);
  read(node, "strides", 1, window.strides);
  read(node, "pads", 0, window.pads);
  if (node.has("dilations")) read(node, "dilations", 1, window.dilations);
  return window;
}

Map PoolWindow::pooled(const Map& map, int64_t group) const {
  std::array<int64_t, 2> sides{};
  for (int axis = 0; axis < 2; ++axis) {
    const int64_t side = axis == 0 ? map.height : map.width;
    const int64_t room = side + pads[axis] + pads[axis + 2] - dilations[axis] * (kernel[axis] - 1);
    if (room < 1) {
      throw KernelError("the window of " + std::to_string(kernel[0]) + "x" +
                        std::to_string(kernel[1]) + " exceeds the padded x of shape " +
                        map.shape().text());
    }
    sides[axis] = (room - 1) / strides[axis] + 1;
  }
  return Map::of({map.batch, map.channels, sides[0], sides[1]}, group, "y");
}

}  // namespace jpegcompile
