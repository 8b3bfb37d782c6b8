// JpegBatchNormalization: a factor for every coefficient, a shift of the DC coefficients.
#include "common/channel_affine.h"
#include "ort/operators.h"

namespace jpegcompile {
namespace {

class BatchNormalization : public ChannelAffineKernel {
 public:
  explicit BatchNormalization(const Node& node) : ChannelAffineKernel(node) {}

  void compute(const Call& call) const override {
    const Maps given = maps(call);
    run(call, given, flat_operand(call.input(1), given.from, "scale"),
        flat_operand(call.input(2), given.from, "shift"), 1.0F);
  }
};

}  // namespace

std::vector<Operator> batch_normalization_operators() {
  using enum ElementType;
  return {{"JpegBatchNormalization",
           {kFloat, kFloat, kFloat, kFloat},
           make_kernel<BatchNormalization>}};
}

}  // namespace jpegcompile
