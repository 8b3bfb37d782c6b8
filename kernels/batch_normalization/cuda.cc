// JpegBatchNormalization on CUDA.
#include <memory>
#include <optional>
#include <vector>

#include "common/cuda_function.h"
#include "common/cuda_operand.h"
#include "generated/makers.h"
#include "generated/programs.h"

namespace jpegcompile {
namespace {

class BatchNormalizationOnCuda : public FunctionOnCuda {
 public:
  explicit BatchNormalizationOnCuda(const Node& node)
      : FunctionOnCuda(node, Linear{cuda::affine(), std::nullopt}),
        scale_(node, In::kScale),
        shift_(node, In::kShift) {}

 private:
  std::vector<float> constants(CudaCall& call, const Map& x) const override {
    std::vector<float> values = no_constants(x);
    put_channels(scale_.of(call), x, In::kScale, values.data());
    put_channels(shift_.of(call), x, In::kShift, values.data() + values.size() / 2);
    return values;
  }
  bool are_fixed() const override { return scale_.is_constant() && shift_.is_constant(); }

  HostOperand scale_, shift_;
};

}  // namespace

std::unique_ptr<CudaKernel> make_batch_normalization_on_cuda(const Node& node) {
  return std::make_unique<BatchNormalizationOnCuda>(node);
}

}  // namespace jpegcompile
