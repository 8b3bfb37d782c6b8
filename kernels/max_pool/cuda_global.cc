// JpegGlobalMaxPool on CUDA.
#include <memory>

#include "common/cuda_global_pool.h"
#include "generated/makers.h"

namespace jpegcompile {
namespace {

class GlobalMaxPoolOnCuda : public GlobalPoolOnCuda {
 public:
  explicit GlobalMaxPoolOnCuda(const Node& node)
      : GlobalPoolOnCuda(node, "max_pool.triton:global_max_pool"),
        pixels_(block(), node.group(In::kX), node.frequencies(In::kX)) {}

 private:
  void put_input(CudaCall& call, const Map& map, const cuda::View& stored,
                 cuda::Arguments& arguments) const override {
    const cuda::View x = pixels_.of(call, map, stored);
    arguments.pointer("x", x.data);
    arguments.integer("height", map.height);
    arguments.integer("width", map.width);
    cuda::put_raster(arguments, cuda::kXNames, x);
  }

  PixelsOnCuda pixels_;
};

}  // namespace

std::unique_ptr<CudaKernel> make_global_max_pool_on_cuda(const Node& node) {
  return std::make_unique<GlobalMaxPoolOnCuda>(node);
}

}  // namespace jpegcompile
