// JpegGlobalAveragePool and SpatialGlobalAveragePool on CUDA.
#include <memory>

#include "common/cuda_global_pool.h"
#include "generated/makers.h"

namespace jpegcompile {
namespace {

class GlobalAveragePoolOnCuda : public GlobalPoolOnCuda {
 public:
  explicit GlobalAveragePoolOnCuda(const Node& node)
      : GlobalPoolOnCuda(node, "average_pool.triton:global_average_pool") {}

 private:
  // The mean of a tile is its DC coefficient divided by the block size.
  void put_input(CudaCall&, const Map& map, const cuda::View& stored,
                 cuda::Arguments& arguments) const override {
    const int64_t tiles_y = map.height / block(), tiles_x = map.width / block();
    cuda::View x = stored;
    if (x.is_rows) {
      x.row = tiles_x * x.kept * x.pixel;
      x.pixel *= x.kept;
    } else {
      x.row *= block();
      x.pixel *= block();
    }
    arguments.pointer("x", x.data);
    arguments.integer("height", tiles_y);
    arguments.integer("width", tiles_x);
    arguments.integer("divisor", tiles_y * tiles_x * block());
    cuda::put_raster(arguments, cuda::kXNames, x);
  }
};

}  // namespace

std::unique_ptr<CudaKernel> make_global_average_pool_on_cuda(const Node& node) {
  return std::make_unique<GlobalAveragePoolOnCuda>(node);
}

}  // namespace jpegcompile
