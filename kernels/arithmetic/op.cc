// JpegAdd and JpegSub, of a constant on the DC coefficients, and JpegScale, a factor for each
// channel.
#include "../native/channel_affine.h"
#include "../native/operators.h"

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

}  // namespace

std::vector<Operator> arithmetic_operators() {
  using enum ort::ElementType;
  return {{"JpegAdd", {kFloat, kFloat, kFloat}, make_kernel<Shift<1>>},
          {"JpegSub", {kFloat, kFloat, kFloat}, make_kernel<Shift<-1>>},
          {"JpegScale", {kFloat, kFloat}, make_kernel<Scale>}};
}

}  // namespace jpegcompile
