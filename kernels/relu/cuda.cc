// JpegRelu, JpegAsmRelu and JpegApxRelu on CUDA.
#include <memory>

#include "common/cuda_function.h"
#include "generated/makers.h"
#include "generated/programs.h"

namespace jpegcompile {
namespace {

cuda::Program program_of(Masking masking) {
  switch (masking) {
    case Masking::kAsm:
      return cuda::asm_relu();
    case Masking::kApx:
      return cuda::apx_relu();
    case Masking::kNone:
      break;
  }
  return cuda::relu();
}

}  // namespace

std::unique_ptr<CudaKernel> make_relu_on_cuda(const Node& node) {
  return std::make_unique<FunctionOnCuda>(node, program_of(node.definition().masking),
                                          FunctionOnCuda::same(node));
}

}  // namespace jpegcompile
