// JpegPRelu, JpegAsmPRelu and JpegApxPRelu on CUDA.
#include <memory>
#include <vector>

#include "common/cuda_function.h"
#include "common/cuda_operand.h"
#include "generated/makers.h"
#include "generated/programs.h"

namespace jpegcompile {
namespace {

cuda::Program program_of(Masking masking) {
  switch (masking) {
    case Masking::kAsm:
      return cuda::asm_prelu();
    case Masking::kApx:
      return cuda::apx_prelu();
    case Masking::kNone:
      break;
  }
  return cuda::prelu();
}

class PReluOnCuda : public FunctionOnCuda {
 public:
  explicit PReluOnCuda(const Node& node)
      : FunctionOnCuda(node, program_of(node.definition().masking), same(node)),
        slope_(node, In::kSlope) {}

 private:
  // For masked operators, zeros follow the slopes.
  std::vector<float> constants(CudaCall& call, const Map& x) const override {
    std::vector<float> values = no_constants(x);
    put_channels(slope_.of(call), x, In::kSlope, values.data());
    return values;
  }
  bool are_fixed() const override { return slope_.is_constant(); }

  HostOperand slope_;
};

}  // namespace

std::unique_ptr<CudaKernel> make_prelu_on_cuda(const Node& node) {
  return std::make_unique<PReluOnCuda>(node);
}

}  // namespace jpegcompile
