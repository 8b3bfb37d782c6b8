// JpegAdd, JpegSub, JpegScale, and JpegScaleAddRelu and related operators on CUDA.
#include <memory>

#include "arithmetic/residual.h"
#include "common/cuda_function.h"
#include "common/cuda_two_maps.h"
#include "generated/makers.h"
#include "generated/programs.h"

namespace jpegcompile {
namespace {

using Linear = FunctionOnCuda::Linear;

class ScaledSumOnCuda : public TwoMapsOnCuda {
 public:
  explicit ScaledSumOnCuda(const Node& node)
      : TwoMapsOnCuda(node, cuda::scale_add_relu(), In::kScale) {}

 private:
  Map other_map(const Shape& shape, const Map& x) const override {
    return residual_map(shape, x, other_group_, block_, other_frequencies_);
  }
};

}  // namespace

std::unique_ptr<CudaKernel> make_add_on_cuda(const Node& node) {
  return std::make_unique<FunctionOnCuda>(node, Linear{cuda::add(), In::kValue});
}

std::unique_ptr<CudaKernel> make_sub_on_cuda(const Node& node) {
  return std::make_unique<FunctionOnCuda>(node, Linear{cuda::subtract(), In::kValue});
}

std::unique_ptr<CudaKernel> make_scale_on_cuda(const Node& node) {
  return std::make_unique<FunctionOnCuda>(node, Linear{cuda::scale(), In::kScale});
}

std::unique_ptr<CudaKernel> make_scale_add_relu_on_cuda(const Node& node) {
  return std::make_unique<ScaledSumOnCuda>(node);
}

}  // namespace jpegcompile
