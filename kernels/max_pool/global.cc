// JpegGlobalMaxPool: the largest pixel of each channel.
#include <algorithm>
#include <limits>

#include "generated/makers.h"
#include "tiles/tiles.h"
#include "work/strips.h"

namespace jpegcompile {
namespace {

struct Pixels {
  const float* from;
  int64_t count;
  float* largest;  // [16], updated
};

template <typename Isa>
JPEGCOMPILE_INLINE void largest_body(const Pixels& pixels) {
  using V = typename Isa::Vector;
  for (int lane = 0; lane < kLanes; lane += kWidth<V>) {
    V best = load<V>(pixels.largest + lane);
    for (int64_t pixel = 0; pixel < pixels.count; ++pixel) {
      const V value = load<V>(pixels.from + pixel * kLanes + lane);
      best = value > best ? value : best;
    }
    store(pixels.largest + lane, best);
  }
}

JPEGCOMPILE_MULTIVERSION(largest_pixels, largest_body, Pixels)

class GlobalMaxPool : public Kernel {
 public:
  explicit GlobalMaxPool(const Node& node)
      : block_(node.block("input_block")), x_group_(node.group(In::kX)),
        x_frequencies_(node.frequencies(In::kX)) {}

  void compute(const Call& call) const override {
    const Tensor x = call.input(In::kX);
    const Map map = Map::of(x.shape, x_group_, block_, x_frequencies_, "x");
    check_tiles(map, block_, "x");
    // The result has one pixel per channel, so it is the same in either layout.
    float* y = call.output_floats(Out::kY, {map.batch, map.channels, 1, 1});
    const int64_t cost = map.height * map.pitch();
    for_ranges(call, map.batch * map.groups(), cost, [&](int64_t first, int64_t last) {
      for (int64_t index = first; index < last; ++index) {
        const int64_t image = index / map.groups(), group = index % map.groups();
        float* lanes = task_floats(1, kLanes);
        pool(map, x.floats(), image, group, lanes);
        std::copy_n(lanes, map.channels_in(group), y + image * map.channels + group * kLanes);
      }
    });
  }

 private:
  void pool(const Map& map, const float* x, int64_t image, int64_t group, float* largest) const {
    std::fill_n(largest, kLanes, std::numeric_limits<float>::lowest());
    const int64_t floats = block_ * map.pitch();
    float* scratch = task_floats(0, static_cast<size_t>(2 * floats));
    for (int64_t row = 0; row < map.height; row += block_) {
      inverse_rows({read_tiles(map, block_, x, image, group, row, block_, scratch),
                    scratch + floats, block_, map.width, block_, map.pitch()});
      largest_pixels({scratch + floats, block_ * map.width, largest});
    }
  }

  int block_;
  int64_t x_group_, x_frequencies_;
};

}  // namespace

std::unique_ptr<Kernel> make_global_max_pool(const Node& node) {
  return std::make_unique<GlobalMaxPool>(node);
}

}  // namespace jpegcompile
