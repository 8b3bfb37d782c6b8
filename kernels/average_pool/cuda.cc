// JpegGlobalAveragePool and SpatialGlobalAveragePool on CUDA, as launch.py launches them.
#include <memory>

#include "common/cuda_maps.h"
#include "generated/makers.h"

namespace jpegcompile {
namespace {

using cuda::View;

class GlobalAveragePoolOnCuda : public CudaKernel {
 public:
  explicit GlobalAveragePoolOnCuda(const Node& node)
      : block_(node.block("input_block")),
        x_group_(node.group(In::kX)),
        x_frequencies_(node.frequencies(In::kX)),
        variants_({"average_pool.triton:global_average_pool",
                   {{"PROGRAM", std::vector<cuda::Step>{}}, {"COUNT", 0}},
                   {{"x", "*fp32"}, {"y", "*fp32"}}}) {}

  void compute(CudaCall& call) const override {
    const DeviceTensor x = call.input(In::kX);
    const Map from = Map::of(x.shape, x_group_, block_, x_frequencies_, "x");
    check_tiles(from, block_, "x");
    if (from.plane() == 0) throw KernelError("x of shape " + x.shape.text() + " has no pixels");
    // Channels are all that is left of an image: planes of one pixel are groups of channels, too.
    const Map to{from.batch, from.channels, 1, 1, from.channels % kLanes == 0};
    const cuda::DevicePointer y = call.output(Out::kY, to.shape());
    if (from.is_empty()) return;
    const View target = planes_.target(call, to, 1, y);
    launch(call, from, planes_.read(call, from, block_, x.data), target);
    planes_.write(call, to, target, y);
  }

 private:
  // The mean of a tile is its first coefficient divided by the block size.
  void launch(CudaCall& call, const Map& from, View x, const View& y) const {
    const int64_t tiles_y = from.height / block_, tiles_x = from.width / block_;
    if (x.is_rows) {
      x.row = tiles_x * x.kept * x.pixel;
      x.pixel *= x.kept;
    } else {
      x.row *= block_;
      x.pixel *= block_;
    }
    const int64_t channels = cuda::padded(from.channels);
    cuda::Arguments arguments;
    arguments.pointer("x", x.data);
    arguments.pointer("constants", y.data);
    arguments.pointer("y", y.data);
    arguments.integer("rows", from.batch);
    arguments.integer("channels", channels);
    arguments.integer("height", tiles_y);
    arguments.integer("width", tiles_x);
    arguments.integer("divisor", tiles_y * tiles_x * block_);
    cuda::put_raster(arguments, cuda::kXNames, x);
    cuda::put_view(arguments, cuda::kYNames, y);
    const cuda::Cubin& cubin =
        variants_.fastest(call.runtime(), call.chip(), from.batch, channels);
    const int64_t parts = (channels + cubin.tiling.channels - 1) / cubin.tiling.channels;
    call.launch(cubin, {from.batch, parts, 1}, arguments);
  }

  int block_;
  int64_t x_group_, x_frequencies_;
  PlanesOnCuda planes_;
  cuda::Variants variants_;
};

}  // namespace

std::unique_ptr<CudaKernel> make_global_average_pool_on_cuda(const Node& node) {
  return std::make_unique<GlobalAveragePoolOnCuda>(node);
}

}  // namespace jpegcompile
