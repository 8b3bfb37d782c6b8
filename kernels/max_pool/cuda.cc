// JpegMaxPool, JpegDilatedMaxPool and their Asm forms, and SpatialMaxPool on CUDA, launched like
// launch.py does.
#include <memory>

#include "common/cuda_maps.h"
#include "generated/makers.h"
#include "max_pool/window.h"
#include "tiles/tiles.h"

namespace jpegcompile {
namespace {

using cuda::View;

class MaxPoolOnCuda : public CudaKernel {
 public:
  explicit MaxPoolOnCuda(const Node& node)
      : window_(PoolWindow::of(node)),
        input_block_(node.block("input_block")),
        output_block_(node.block("output_block")),
        x_group_(node.group(In::kX)),
        y_group_(node.group(Out::kY)),
        x_frequencies_(node.frequencies(In::kX)),
        is_masked_(node.definition().masking == Masking::kAsm),
        pixels_(input_block_, x_group_, x_frequencies_),
        variants_({"max_pool.triton:max_pool",
                   {{"PROGRAM", std::vector<cuda::Step>{}},
                    {"COUNT", 0},
                    {"ASM", is_masked_},
                    {"APPROXIMATE", 0},
                    {"Y_ROWS", 0},
                    {"Y_MIXED", output_block_ > 1}},
                   {{"x", "*fp32"}, {"y", "*fp32"}}}) {}

  void compute(CudaCall& call) const override {
    const DeviceTensor x = call.input(In::kX);
    const Map from = Map::of(x.shape, x_group_, input_block_, x_frequencies_, "x");
    check_tiles(from, input_block_, "x");
    const Map to = window_.pooled(from, y_group_);
    check_tiles(to, output_block_, "y");
    const int phi =
        is_masked_ ? band_frequencies(call.host_input(In::kBand), from, input_block_) : 0;
    const cuda::DevicePointer y = call.output(Out::kY, to.shape());
    if (to.is_empty()) return;
    if (from.is_empty()) throw KernelError("x of shape " + x.shape.text() + " has no pixels");
    const View stored = planes_.read(call, from, input_block_, x.data);
    // For pixels, the approximation is the map itself. Both maps have the same strides.
    const View pixels = pixels_.of(call, from, stored);
    const View low =
        is_masked_ && !stored.is_pixels() ? pixels_.made(call, from, stored, phi) : pixels;
    const View target = planes_.target(call, to, output_block_, y);
    launch(call, from, to, pixels, low, target);
    planes_.write(call, to, target, y);
  }

 private:
  void launch(CudaCall& call, const Map& from, const Map& to, const View& x, const View& low,
              const View& y) const {
    cuda::Arguments arguments;
    arguments.pointer("x", x.data);
    // Pointers that the kernel does not read are set to y.
    arguments.pointer("low", is_masked_ ? low.data : y.data);
    arguments.pointer("constants", y.data);
    arguments.pointer("approximated", y.data);
    arguments.pointer("forward", y.is_pixels()
                                     ? y.data
                                     : matrix_on(call, y.forward(y.frequencies), matrices_));
    arguments.pointer("y", y.data);
    cuda::put_tiles(arguments, to, output_block_);
    cuda::put_raster(arguments, cuda::kXNames, x);
    cuda::put_view(arguments, cuda::kYNames, y);
    arguments.integer("height", from.height);
    arguments.integer("width", from.width);
    arguments.integer("kernel_h", window_.kernel[0]);
    arguments.integer("kernel_w", window_.kernel[1]);
    arguments.integer("stride_h", window_.strides[0]);
    arguments.integer("stride_w", window_.strides[1]);
    arguments.integer("pad_h", window_.pads[0]);
    arguments.integer("pad_w", window_.pads[1]);
    arguments.integer("dilation_h", window_.dilations[0]);
    arguments.integer("dilation_w", window_.dilations[1]);
    const int64_t rows = to.batch * to.plane(), channels = cuda::padded(to.channels);
    const cuda::Cubin& cubin = variants_.fastest(call.runtime(), call.chip(), rows, channels);
    call.launch(cubin, cuda::grid_of(cubin.tiling, rows, channels), arguments);
  }

  PoolWindow window_;
  int input_block_, output_block_;
  int64_t x_group_, y_group_, x_frequencies_;
  bool is_masked_;
  PlanesOnCuda planes_;
  PixelsOnCuda pixels_;
  cuda::Variants variants_;
  DeviceConstants matrices_;
};

}  // namespace

std::unique_ptr<CudaKernel> make_max_pool_on_cuda(const Node& node) {
  return std::make_unique<MaxPoolOnCuda>(node);
}

}  // namespace jpegcompile
