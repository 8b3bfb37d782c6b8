// JpegTruncate on CUDA.
#include <memory>

#include "common/cuda_function.h"
#include "generated/makers.h"

namespace jpegcompile {

std::unique_ptr<CudaKernel> make_truncate_on_cuda(const Node& node) {
  return std::make_unique<FunctionOnCuda>(node, cuda::Program{}, FunctionOnCuda::same(node));
}

}  // namespace jpegcompile
