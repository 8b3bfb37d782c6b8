// JpegSpaceToDepth and JpegDepthToSpace on CUDA, as launch.py launches them.
#include <memory>

#include "common/cuda_maps.h"
#include "generated/makers.h"
#include "rearrange/rearrangement.h"

namespace jpegcompile {
namespace {

using cuda::View;

class RearrangeOnCuda : public CudaKernel {
 public:
  RearrangeOnCuda(const Node& node, bool to_depth)
      : rearrangement_(node, to_depth),
        input_block_(node.block("input_block")),
        output_block_(node.block("output_block")),
        x_group_(node.group(In::kX)),
        y_group_(node.group(Out::kY)),
        pixels_(input_block_, x_group_, 0) {}

  void compute(CudaCall& call) const override {
    const DeviceTensor x = call.input(In::kX);
    const Map from = Map::of(x.shape, x_group_, "x");
    check_tiles(from, input_block_, "x");
    const Map to = rearrangement_.result(from, y_group_);
    check_tiles(to, output_block_, "y");
    const cuda::DevicePointer y = call.output(Out::kY, to.shape());
    if (to.is_empty()) return;
    const View stored = planes_.read(call, from, input_block_, x.data);
    const View target = planes_.target(call, to, output_block_, y);
    launch(call, from, pixels_.of(call, from, stored), to, target);
    planes_.write(call, to, target, y);
  }

 private:
  const cuda::Variants& variants(int64_t channels) const {
    return variants_.of({rearrangement_.to_depth() ? "rearrange.triton:space_to_depth"
                                                   : "rearrange.triton:depth_to_space",
                         {{"PROGRAM", std::vector<cuda::Step>{}},
                          {"COUNT", 0},
                          {"ALIGNED", channels % kLanes == 0},
                          {"APPROXIMATE", 0},
                          {"Y_ROWS", 0},
                          {"Y_MIXED", output_block_ > 1}},
                         {{"x", "*fp32"}, {"y", "*fp32"}}});
  }

  void launch(CudaCall& call, const Map& from, const View& x, const Map& to, const View& y) const {
    // Of the map that has fewer.
    const int64_t fewer = rearrangement_.to_depth() ? from.channels : to.channels;
    cuda::Arguments arguments;
    arguments.pointer("x", x.data);
    // What the kernel does not read is y.
    for (const char* unused : {"constants", "approximated", "y"}) {
      arguments.pointer(unused, y.data);
    }
    arguments.pointer("forward", y.is_pixels()
                                     ? y.data
                                     : matrix_on(call, y.forward(y.frequencies), matrices_));
    cuda::put_tiles(arguments, to, output_block_);
    cuda::put_raster(arguments, cuda::kXNames, x);
    cuda::put_view(arguments, cuda::kYNames, y);
    arguments.integer("side", rearrangement_.side());
    arguments.integer("true_channels", fewer);
    const int64_t rows = to.batch * to.plane(), channels = cuda::padded(to.channels);
    const cuda::Cubin& cubin =
        variants(fewer).fastest(call.runtime(), call.chip(), rows, channels);
    call.launch(cubin, cuda::grid_of(cubin.tiling, rows, channels), arguments);
  }

  Rearrangement rearrangement_;
  int input_block_, output_block_;
  int64_t x_group_, y_group_;
  PlanesOnCuda planes_;
  PixelsOnCuda pixels_;
  cuda::VariantsByForm variants_;
  DeviceConstants matrices_;
};

}  // namespace

std::unique_ptr<CudaKernel> make_space_to_depth_on_cuda(const Node& node) {
  return std::make_unique<RearrangeOnCuda>(node, true);
}
std::unique_ptr<CudaKernel> make_depth_to_space_on_cuda(const Node& node) {
  return std::make_unique<RearrangeOnCuda>(node, false);
}

}  // namespace jpegcompile
