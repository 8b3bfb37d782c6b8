// JpegAdd and JpegSub, of a constant on the DC coefficients, and JpegScale, a factor for each
// channel, alone and with the sum and the ReLU behind it.
#include "../native/channel_affine.h"
#include "../native/operators.h"
#include "scale_add_relu.h"

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
  // Pixels and coefficients are scaled alike, so the block size does not matter.
  explicit Scale(const Node& node) : ChannelAffineKernel(node, 1) {}

  void compute(const Call& call) const override {
    const Maps given = maps(call);
    run(call, given, flat_operand(call.input(1), given.from, "scale"), std::nullopt, 1.0F);
  }
};

class ScaledSum : public TileKernel {
 public:
  ScaledSum(const Node& node, int block)
      : TileKernel(node, block), residual_group_(node.integer("residual_group", 1)) {}

  void compute(const Call& call) const override {
    const auto [from, to, x, y] = maps(call);
    const Broadcast scale = flat_operand(call.input(1), from, "scale");
    const Tensor residual = call.input(2);
    if (!(residual.shape == from.shape())) {
      throw KernelError("the residual has shape " + residual.shape.text() + ", x " +
                        from.shape().text());
    }
    const Map others = Map::of(residual.shape, residual_group_, "residual");
    map_strips(call, from, x, to, y, block_,
               [&](const Strip& strip, const float* source, float* target) {
                 const auto [image, group, row, count] = strip;
                 float* scratch = task_floats(1, static_cast<size_t>(count * others.pitch()));
                 float factors[kLanes];
                 scale.lanes(image, group, factors);
                 scale_add_relu({source,
                                 read_rows(others, residual.floats(), image, group, row, count,
                                           scratch),
                                 target, count, from.width, block_, factors});
               });
  }

 private:
  int64_t residual_group_;
};

std::unique_ptr<Kernel> make_jpeg_sum(const Node& node) {
  return std::make_unique<ScaledSum>(node, block_of(node, "block"));
}

std::unique_ptr<Kernel> make_spatial_sum(const Node& node) {
  return std::make_unique<ScaledSum>(node, 1);
}

}  // namespace

std::vector<Operator> arithmetic_operators() {
  using enum ort::ElementType;
  return {{"JpegAdd", {kFloat, kFloat, kFloat}, make_kernel<Shift<1>>},
          {"JpegSub", {kFloat, kFloat, kFloat}, make_kernel<Shift<-1>>},
          {"JpegScale", {kFloat, kFloat}, make_kernel<Scale>},
          {"JpegScaleAddRelu", std::vector<ort::ElementType>(7, kFloat), make_jpeg_sum},
          {"SpatialScaleAddRelu", {kFloat, kFloat, kFloat}, make_spatial_sum}};
}

}  // namespace jpegcompile
