// ToJpeg and ToSpatial: the transform of every tile, and its inverse.
#include "common/tile_kernel.h"
#include "generated/makers.h"
#include "tiles/tiles.h"
#include "work/strips.h"

namespace jpegcompile {
namespace {

class ToJpeg : public TileKernel {
 public:
  explicit ToJpeg(const Node& node) : TileKernel(node) {}

  void compute(const Call& call) const override {
    const auto [from, to, x, y] = maps(call);
    map_strips(call, from, x, to, y, block_,
               [&](const Strip& strip, const float* source, float* target) {
                 forward_rows({source, target, strip.count, from.width, block_});
               });
  }
};

class ToSpatial : public TileKernel {
 public:
  explicit ToSpatial(const Node& node) : TileKernel(node) {}

  void compute(const Call& call) const override {
    const auto [from, to, x, y] = maps(call);
    map_tiles(call, from, x, to, y, block_,
              [&](const Strip& strip, const Tiles& source, float* target) {
                inverse_rows({source, target, strip.count, from.width, block_, from.pitch()});
              });
  }
};

}  // namespace

std::unique_ptr<Kernel> make_to_jpeg(const Node& node) { return std::make_unique<ToJpeg>(node); }
std::unique_ptr<Kernel> make_to_spatial(const Node& node) {
  return std::make_unique<ToSpatial>(node);
}

}  // namespace jpegcompile
