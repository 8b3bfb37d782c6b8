// JpegConvTranspose on CUDA: the convolution of triton.py with strides in the output.
#include <memory>

#include "common/cuda_maps.h"
#include "conv/cuda_convolution.h"
#include "conv_transpose/transposed.h"
#include "generated/makers.h"

namespace jpegcompile {
namespace {

class ConvTransposeOnCuda : public CudaKernel {
 public:
  explicit ConvTransposeOnCuda(const Node& node)
      : geometry_(transposed_geometry(node)),
        input_block_(node.block("input_block")),
        output_block_(node.block("output_block")),
        x_group_(node.group(In::kX)),
        y_group_(node.group(Out::kY)),
        x_frequencies_(node.frequencies(In::kX)),
        convolution_(node),
        x_pixels_(input_block_, x_group_, x_frequencies_) {}

  void compute(CudaCall& call) const override {
    CudaConvolution task = described(call);
    const DeviceTensor x = call.input(In::kX);
    const cuda::DevicePointer y = call.output(Out::kY, task.output.shape());
    if (task.input.batch == 0) return;
    const cuda::View stored = planes_.read(call, task.input, input_block_, x.data);
    task.x = x_pixels_.of(call, task.input, stored);
    task.y = planes_.target(call, task.output, output_block_, y);
    convolution_.run(call, task);
    planes_.write(call, task.output, task.y, y);
  }

 private:
  CudaConvolution described(const CudaCall& call) const {
    CudaConvolution task;
    const DeviceTensor x = call.input(In::kX);
    const TransposedWeights weights =
        described_transposed(convolution_.weight(call), geometry_);
    task.input = Map::of(x.shape, x_group_, input_block_, x_frequencies_, "x");
    check_tiles(task.input, input_block_, "x");
    task.output = Map::of(transposed_shape(weights, task.input, output_block_), y_group_, "y");
    task.output_block = output_block_;
    task.made = 2 * output_block_ - 1;
    task.is_transposed = true;
    task.weights.outputs = weights.shape.outputs;
    task.weights.inputs = weights.shape.inputs;
    task.weights.window = weights.geometry.window();
    return task;
  }

  TransposedGeometry geometry_;
  int input_block_, output_block_;
  int64_t x_group_, y_group_, x_frequencies_;
  ConvolutionOnCuda convolution_;
  PlanesOnCuda planes_;
  PixelsOnCuda x_pixels_;
};

}  // namespace

std::unique_ptr<CudaKernel> make_conv_transpose_on_cuda(const Node& node) {
  return std::make_unique<ConvTransposeOnCuda>(node);
}

}  // namespace jpegcompile
