// JpegMul, JpegMax and JpegMin on CUDA.
#include <memory>

#include "common/cuda_two_maps.h"
#include "generated/makers.h"
#include "generated/programs.h"
#include "product/other_map.h"

namespace jpegcompile {
namespace {

class OfTwoOnCuda : public TwoMapsOnCuda {
 public:
  OfTwoOnCuda(const Node& node, const cuda::Program& program) : TwoMapsOnCuda(node, program) {}

 private:
  Map other_map(const Shape& shape, const Map& x) const override {
    return fitting_map(shape, x, other_group_);
  }
};

}  // namespace

std::unique_ptr<CudaKernel> make_product_on_cuda(const Node& node) {
  return std::make_unique<OfTwoOnCuda>(node, cuda::multiply());
}

std::unique_ptr<CudaKernel> make_maximum_on_cuda(const Node& node) {
  return std::make_unique<OfTwoOnCuda>(node, cuda::larger());
}

std::unique_ptr<CudaKernel> make_minimum_on_cuda(const Node& node) {
  return std::make_unique<OfTwoOnCuda>(node, cuda::smaller());
}

}  // namespace jpegcompile
