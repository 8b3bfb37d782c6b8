// JpegGlobalAveragePool and SpatialGlobalAveragePool: the mean of each channel.
#include <algorithm>

#include "generated/makers.h"
#include "work/strips.h"

namespace jpegcompile {
namespace {

// Every `step`-th pixel of every `step`-th row of a plane, or of planes whose channels are lanes.
struct Plane {
  const float* from;
  int64_t height, width, step;
  float* sums;  // one, or [16]
};

// Sums each row, then the sums of the rows, to keep the rounding error small.
template <typename Isa>
JPEGCOMPILE_INLINE void lanes_body(const Plane& plane) {
  using V = typename Isa::Vector;
  for (int lane = 0; lane < kLanes; lane += kWidth<V>) {
    V sum{};
    for (int64_t row = 0; row < plane.height; row += plane.step) {
      const float* from = plane.from + row * plane.width * kLanes + lane;
      V of_row{};
      for (int64_t column = 0; column < plane.width; column += plane.step) {
        of_row += load<V>(from + column * kLanes);
      }
      sum += of_row;
    }
    store(plane.sums + lane, sum);
  }
}

template <typename V>
JPEGCOMPILE_INLINE float sum_of(const float* from, int64_t count) {
  V sums{};
  int64_t index = 0;
  for (; index + kWidth<V> <= count; index += kWidth<V>) sums += load<V>(from + index);
  float total = 0;
  for (int lane = 0; lane < kWidth<V>; ++lane) total += sums[lane];
  for (; index < count; ++index) total += from[index];
  return total;
}

template <typename Isa>
JPEGCOMPILE_INLINE void plane_body(const Plane& plane) {
  float sum = 0;
  for (int64_t row = 0; row < plane.height; row += plane.step) {
    const float* from = plane.from + row * plane.width;
    if (plane.step == 1) {
      sum += sum_of<typename Isa::Vector>(from, plane.width);
      continue;
    }
    float of_row = 0;
    for (int64_t column = 0; column < plane.width; column += plane.step) of_row += from[column];
    sum += of_row;
  }
  *plane.sums = sum;
}

JPEGCOMPILE_MULTIVERSION(sum_lanes, lanes_body, Plane)
JPEGCOMPILE_MULTIVERSION(sum_plane, plane_body, Plane)

// The mean of the pixels of a tile is its DC coefficient divided by the block size.
class GlobalAveragePool : public Kernel {
 public:
  explicit GlobalAveragePool(const Node& node)
      : block_(node.block("input_block")),
        x_group_(node.group(In::kX)),
        x_frequencies_(node.frequencies(In::kX)) {}

  void compute(const Call& call) const override {
    const Tensor x = call.input(In::kX);
    const Map map = Map::of(x.shape, x_group_, block_, x_frequencies_, "x");
    check_tiles(map, block_, "x");
    if (map.plane() == 0) throw KernelError("x of shape " + x.shape.text() + " has no pixels");
    // The result has one pixel per channel, so it is the same in either layout.
    float* y = call.output_floats(Out::kY, {map.batch, map.channels, 1, 1});
    const float factor = static_cast<float>(block_) / static_cast<float>(map.plane());
    const int64_t cost = map.plane() / (block_ * block_);
    const int64_t lanes = map.is_grouped ? kLanes : 1;
    const int64_t count = map.batch * map.channels / lanes;
    for_ranges(call, count, cost * lanes, [&](int64_t first, int64_t last) {
      for (int64_t index = first; index < last; ++index) {
        float* to = y + index * lanes;
        if (map.is_compact) {
          // Each compact tile is processed as one row whose first element is DC.
          const int64_t coefficients = map.band.count(), tiles = cost;
          sum_lanes({x.floats() + index * map.group_floats(), 1, tiles * coefficients,
                     coefficients, to});
        } else {
          const float* from = x.floats() + index * map.plane() * lanes;
          (map.is_grouped ? sum_lanes : sum_plane)({from, map.height, map.width, block_, to});
        }
        for (int64_t lane = 0; lane < lanes; ++lane) to[lane] *= factor;
      }
    });
  }

 private:
  int block_;
  int64_t x_group_, x_frequencies_;
};

}  // namespace

std::unique_ptr<Kernel> make_global_average_pool(const Node& node) {
  return std::make_unique<GlobalAveragePool>(node);
}

}  // namespace jpegcompile
