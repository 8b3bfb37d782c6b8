// JpegBatchNormalization: a factor for every coefficient, and a shift of the DC coefficients.
#include "common/channel_affine.h"
#include "generated/makers.h"

namespace jpegcompile {
namespace {

class BatchNormalization : public ChannelAffineKernel {
 public:
  explicit BatchNormalization(const Node& node) : ChannelAffineKernel(node) {}

  void compute(const Call& call) const override {
    const Maps given = maps(call);
    run(call, given, flat_operand(call.input(In::kScale), given.from, "scale"),
        flat_operand(call.input(In::kShift), given.from, "shift"), 1.0F);
  }
};

}  // namespace

std::unique_ptr<Kernel> make_batch_normalization(const Node& node) {
  return std::make_unique<BatchNormalization>(node);
}

}  // namespace jpegcompile
