// JpegMul, JpegMax and JpegMin: inverse DCT of both maps, a function of two pixels, forward DCT.
#include "common/tile_kernel.h"
#include "generated/makers.h"
#include "product/other_map.h"
#include "tiles/extrema.h"
#include "tiles/tiles.h"
#include "work/strips.h"

namespace jpegcompile {
namespace {

// Pixels of 16 channels, [count][16]. If `is_shared`, `other` has only one channel, in lane 0.
struct Pair {
  float* pixels;  // input and output
  const float* other;
  int64_t count;
  bool is_shared;
};

struct Product {
  template <typename V>
  JPEGCOMPILE_INLINE static V of(const V& a, const V& b) {
    return a * b;
  }
};

template <typename Function, typename V>
JPEGCOMPILE_INLINE void apply(const Pair& pair) {
  if (pair.is_shared) {
    for (int64_t pixel = 0; pixel < pair.count; ++pixel) {
      const V other = V{} + pair.other[pixel * kLanes];
      for (int lane = 0; lane < kLanes; lane += kWidth<V>) {
        float* at = pair.pixels + pixel * kLanes + lane;
        store<V>(at, Function::of(load<V>(at), other));
      }
    }
    return;
  }
  for (int64_t index = 0; index < pair.count * kLanes; index += kWidth<V>) {
    const V other = load<V>(pair.other + index);
    store<V>(pair.pixels + index, Function::of(load<V>(pair.pixels + index), other));
  }
}

#define JPEGCOMPILE_OF_TWO(name, Function)                \
  template <typename Isa>                                 \
  JPEGCOMPILE_INLINE void name##_body(const Pair& pair) { \
    apply<Function, typename Isa::Vector>(pair);          \
  }                                                       \
  JPEGCOMPILE_MULTIVERSION(name, name##_body, Pair)

JPEGCOMPILE_OF_TWO(multiply_pixels, Product)
JPEGCOMPILE_OF_TWO(largest_pixels, Largest)
JPEGCOMPILE_OF_TWO(smallest_pixels, Smallest)

using Function = void (*)(const Pair&);

class OfTwoMaps : public TileKernel {
 public:
  OfTwoMaps(const Node& node, Function function)
      : TileKernel(node), function_(function), other_group_(node.group(In::kResidual)) {}

  void compute(const Call& call) const override {
    const auto [from, to, x, y] = maps(call);
    const Tensor other = call.input(In::kResidual);
    const Map others = fitting_map(other.shape, from, other_group_);
    const bool is_shared = others.channels == 1 && from.channels != 1;
    const bool is_for_all = others.batch == 1 && from.batch != 1;
    for_strips(call, from, block_, 2 * block_ * from.pitch(), [&](const Strip& strip) {
      const auto [image, group, row, count] = strip;
      const auto floats = static_cast<size_t>(count * from.pitch());
      float* scratch = task_floats(0, 3 * floats);
      float* pixels = scratch + 2 * floats;
      float* target = rows_target(to, y, image, group, row, scratch);
      // The other map comes first, since the result of x may be in the same memory as its tiles.
      inverse_rows({read_tiles(others, block_, other.floats(), is_for_all ? 0 : image,
                               is_shared ? 0 : group, row, count, scratch + floats),
                    pixels, count, from.width, block_, from.pitch()});
      inverse_rows({read_tiles(from, block_, x, image, group, row, count, scratch + floats), target,
                    count, from.width, block_, from.pitch()});
      function_({target, pixels, count * from.width, is_shared});
      if (block_ > 1) forward_rows({target, target, count, from.width, block_});
      write_rows(to, y, image, group, row, count, target);
    });
  }

 private:
  Function function_;
  int64_t other_group_;
};

}  // namespace

std::unique_ptr<Kernel> make_product(const Node& node) {
  return std::make_unique<OfTwoMaps>(node, multiply_pixels);
}
std::unique_ptr<Kernel> make_maximum(const Node& node) {
  return std::make_unique<OfTwoMaps>(node, largest_pixels);
}
std::unique_ptr<Kernel> make_minimum(const Node& node) {
  return std::make_unique<OfTwoMaps>(node, smallest_pixels);
}

}  // namespace jpegcompile
