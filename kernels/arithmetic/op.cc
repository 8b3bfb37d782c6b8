// JpegAdd and JpegSub, of a constant on the DC coefficients, and JpegScale, a factor for each
// channel, alone and with the sum, the ReLU and the truncation behind it.
#include "arithmetic/scale_add_relu.h"
#include "common/channel_affine.h"
#include "ort/operators.h"
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
    run(call, given, std::nullopt, flat_operand(call.input(1), given.from, "value"), kSign);
  }
};

class Scale : public ChannelAffineKernel {
 public:
  explicit Scale(const Node& node) : ChannelAffineKernel(node) {}

  void compute(const Call& call) const override {
    const Maps given = maps(call);
    run(call, given, flat_operand(call.input(1), given.from, "scale"), std::nullopt, 1.0F);
  }
};

class ScaledSum : public TileKernel {
 public:
  // Inputs behind the third are for function bodies, but for the band of a truncation, the last.
  ScaledSum(const Node& node, int block, std::optional<size_t> band = std::nullopt)
      : TileKernel(node, block),
        band_(band),
        residual_group_(node.integer("residual_group", 1)),
        residual_frequencies_(node.integer("residual_frequencies", 0)),
        y_frequencies_(node.integer("y_frequencies", 0)) {}

  void compute(const Call& call) const override {
    const auto [from, whole, x, y] = maps(call);
    const Broadcast scale = flat_operand(call.input(1), from, "scale");
    const Tensor residual = call.input(2);
    if (!(residual.shape == from.shape())) {
      throw KernelError("the residual has shape " + residual.shape.text() + ", x " +
                        from.shape().text());
    }
    const Map others =
        Map::of(residual.shape, residual_group_, block_, residual_frequencies_, "residual");
    const Map to = Map::of(whole.shape(), y_group_, block_, y_frequencies_, "y");
    const int frequencies =
        band_ ? band_frequencies(call.input(*band_), from, block_) : 2 * block_ - 1;
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
  std::optional<size_t> band_;
  int64_t residual_group_, residual_frequencies_, y_frequencies_;
};

std::unique_ptr<Kernel> make_jpeg_sum(const Node& node) {
  return std::make_unique<ScaledSum>(node, node.block("block"));
}

std::unique_ptr<Kernel> make_truncated_sum(const Node& node) {
  return std::make_unique<ScaledSum>(node, node.block("block"), 7);
}

std::unique_ptr<Kernel> make_spatial_sum(const Node& node) {
  return std::make_unique<ScaledSum>(node, 1);
}

}  // namespace

std::vector<Operator> arithmetic_operators() {
  using enum ElementType;
  return {{"JpegAdd", {kFloat, kFloat, kFloat}, make_kernel<Shift<1>>},
          {"JpegSub", {kFloat, kFloat, kFloat}, make_kernel<Shift<-1>>},
          {"JpegScale", {kFloat, kFloat}, make_kernel<Scale>},
          {"JpegScaleAddRelu", std::vector<ElementType>(7, kFloat), make_jpeg_sum},
          {"JpegScaleAddReluTruncate", std::vector<ElementType>(8, kFloat),
           make_truncated_sum},
          {"SpatialScaleAddRelu", {kFloat, kFloat, kFloat}, make_spatial_sum}};
}

}  // namespace jpegcompile
