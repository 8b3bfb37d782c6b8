// JpegAdd and JpegSub, which shift the DC coefficients by a constant, and JpegScale, a factor for
// each channel, with and without the fused sum, ReLU and truncation.
#include "arithmetic/residual.h"
#include "arithmetic/scale_add_relu.h"
#include "common/channel_affine.h"
#include "generated/makers.h"
#include "tiles/tiles.h"
#include "work/strips.h"

namespace jpegcompile {
namespace {

template <int kSign>
class Shift : public ChannelAffineKernel {
 public:
  explicit Shift(const Node& node) : ChannelAffineKernel(node) {}

  void compute(const Call& call) const override {
    const Maps given = maps(call);
    run(call, given, std::nullopt, flat_operand(call.input(In::kValue), given.from, "value"),
        kSign);
  }
};

class Scale : public ChannelAffineKernel {
 public:
  explicit Scale(const Node& node) : ChannelAffineKernel(node) {}

  void compute(const Call& call) const override {
    const Maps given = maps(call);
    run(call, given, flat_operand(call.input(In::kScale), given.from, "scale"), std::nullopt, 1.0F);
  }
};

class ScaledSum : public TileKernel {
 public:
  explicit ScaledSum(const Node& node)
      : TileKernel(node),
        is_truncated_(node.definition().truncates),
        residual_group_(node.group(In::kResidual)),
        residual_frequencies_(node.frequencies(In::kResidual)),
        y_frequencies_(node.frequencies(Out::kY)) {}

  void compute(const Call& call) const override {
    const auto [from, whole, x, y] = maps(call);
    const Broadcast scale = flat_operand(call.input(In::kScale), from, "scale");
    const Tensor residual = call.input(In::kResidual);
    const Map others =
        residual_map(residual.shape, from, residual_group_, block_, residual_frequencies_);
    const Map to = Map::of(whole.shape(), y_group_, block_, y_frequencies_, "y");
    const int frequencies =
        is_truncated_ ? band_frequencies(call.input(In::kBand), from, block_) : 2 * block_ - 1;
    check_places(to, block_, frequencies);
    const TileLayout to_at = layout_of(to, block_);
    for_strips(call, from, block_, block_ * from.pitch(), [&](const Strip& strip) {
      const auto [image, group, row, count] = strip;
      const auto floats = static_cast<size_t>(count * from.pitch());
      float* scratch = task_floats(0, 3 * floats);
      float* target = to.is_compact
                          ? y + tile_offset(to, to_at, block_, image, group, row, 0)
                          : rows_target(to, y, image, group, row, scratch + 2 * floats);
      float factors[kLanes];
      scale.lanes(image, group, factors);
      scale_add_relu({read_tiles(from, block_, x, image, group, row, count, scratch),
                      read_tiles(others, block_, residual.floats(), image, group, row, count,
                                 scratch + floats),
                      target, to_at, count, from.width, block_, frequencies, factors});
      write_rows(to, y, image, group, row, count, target);
    });
  }

 private:
  bool is_truncated_;
  int64_t residual_group_, residual_frequencies_, y_frequencies_;
};

}  // namespace

std::unique_ptr<Kernel> make_add(const Node& node) { return std::make_unique<Shift<1>>(node); }
std::unique_ptr<Kernel> make_sub(const Node& node) { return std::make_unique<Shift<-1>>(node); }
std::unique_ptr<Kernel> make_scale(const Node& node) { return std::make_unique<Scale>(node); }
std::unique_ptr<Kernel> make_scale_add_relu(const Node& node) {
  return std::make_unique<ScaledSum>(node);
}

}  // namespace jpegcompile
