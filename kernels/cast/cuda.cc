// ToJpeg and ToSpatial on CUDA.
#include <memory>

#include "common/cuda_function.h"
#include "generated/makers.h"

namespace jpegcompile {

std::unique_ptr<CudaKernel> make_to_jpeg_on_cuda(const Node& node) {
  const FunctionOnCuda::Blocks blocks{1, node.block("block")};
  return std::make_unique<FunctionOnCuda>(node, cuda::Program{}, blocks);
}

std::unique_ptr<CudaKernel> make_to_spatial_on_cuda(const Node& node) {
  const FunctionOnCuda::Blocks blocks{node.block("block"), 1};
  return std::make_unique<FunctionOnCuda>(node, cuda::Program{}, blocks);
}

}  // namespace jpegcompile
