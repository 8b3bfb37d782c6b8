// JpegClip, JpegAsmClip and JpegApxClip on CUDA.
#include <algorithm>
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
      return cuda::asm_clip();
    case Masking::kApx:
      return cuda::apx_clip();
    case Masking::kNone:
      break;
  }
  return cuda::clip();
}

class ClipOnCuda : public FunctionOnCuda {
 public:
  explicit ClipOnCuda(const Node& node)
      : FunctionOnCuda(node, program_of(node.definition().masking), same(node)),
        low_(node, In::kLow),
        high_(node, In::kHigh) {}

 private:
  std::vector<float> constants(CudaCall& call, const Map& x) const override {
    return bounds(call, low_, high_, x.channels);
  }
  bool are_fixed() const override { return low_.is_constant() && high_.is_constant(); }

  HostOperand low_, high_;
};

}  // namespace

std::unique_ptr<CudaKernel> make_clip_on_cuda(const Node& node) {
  return std::make_unique<ClipOnCuda>(node);
}

}  // namespace jpegcompile
