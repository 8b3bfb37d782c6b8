// ToJpeg and ToSpatial: the transform of every tile, and its inverse.
#include "../native/operators.h"
#include "../native/strips.h"
#include "../native/tile_kernel.h"
#include "../native/tiles.h"

namespace jpegcompile {
namespace {

template <void (*transform)(const TileRows&)>
class Cast : public TileKernel {
 public:
  explicit Cast(const Node& node) : TileKernel(node) {}

  void compute(const Call& call) const override {
    const auto [from, to, x, y] = maps(call);
    map_strips(call, from, x, to, y, block_,
               [&](const Strip& strip, const float* source, float* target) {
                 transform({source, target, strip.count, from.width, block_});
               });
  }
};

}  // namespace

std::vector<Operator> cast_operators() {
  using enum ort::ElementType;
  return {{"ToJpeg", {kFloat, kFloat, kFloat}, make_kernel<Cast<forward_rows>>},
          {"ToSpatial", {kFloat, kFloat, kFloat}, make_kernel<Cast<inverse_rows>>}};
}

}  // namespace jpegcompile
