// The convolutions of op.cc on CUDA, by the kernels of triton.py.
#include <algorithm>
#include <memory>

#include "common/cuda_maps.h"
#include "conv/cuda_convolution.h"
#include "conv/parameters.h"
#include "generated/makers.h"
#include "tiles/tiles.h"

namespace jpegcompile {
namespace {

using Form = CudaConvolution::Form;
using Task = CudaConvolution;

class ConvolveOnCuda : public CudaKernel {
 public:
  explicit ConvolveOnCuda(const Node& node)
      : is_pointwise_(node.definition().base == Base::kJpegPointwiseConv),
        has_residual_(node.has(In::kResidual)),
        is_truncated_(node.definition().truncates),
        window_(window_of_form(node)),
        input_block_(node.block(is_pointwise_ ? "block" : "input_block")),
        output_block_(node.block(is_pointwise_ ? "block" : "output_block")),
        x_group_(node.group(In::kX)),
        residual_group_(node.group(In::kResidual)),
        y_group_(node.group(Out::kY)),
        x_frequencies_(node.frequencies(In::kX)),
        residual_frequencies_(node.frequencies(In::kResidual)),
        y_frequencies_(node.frequencies(Out::kY)),
        convolution_(node),
        x_pixels_(input_block_, x_group_, x_frequencies_),
        residual_pixels_(output_block_, residual_group_, residual_frequencies_) {}

  void compute(CudaCall& call) const override {
    Task task = described(call);
    const DeviceTensor x = call.input(In::kX);
    const cuda::DevicePointer y = call.output(Out::kY, task.output.shape());
    if (task.input.batch == 0) return;
    take_maps(call, task, x.data);
    task.y = planes_.target(call, task.output, output_block_, y);
    settle(task);
    convolution_.run(call, task);
    planes_.write(call, task.output, task.y, y);
  }

 private:
  bool is_on_coefficients() const { return is_pointwise_ && input_block_ > 1; }

  Task described(const CudaCall& call) const {
    Task task;
    const Tensor weight = convolution_.weight(call);
    task.weights = jpegcompile::described(weight, window_);
    if (is_pointwise_ && !task.weights.window.is_pointwise()) {
      throw KernelError("weights of shape " + weight.shape.text() + " are not 1x1 kernels");
    }
    const DeviceTensor x = call.input(In::kX);
    task.input = Map::of(x.shape, x_group_, input_block_, x_frequencies_, "x");
    check_tiles(task.input, input_block_, "x");
    task.output_block = output_block_;
    task.output = Map::of(output_shape(task.weights, task.input, output_block_, "x"), y_group_,
                          output_block_, y_frequencies_, "y");
    Map residual;
    task.has_residual = has_residual_;
    if (has_residual_) residual = residual_map(call, task);
    task.made = 2 * output_block_ - 1;
    if (is_truncated_) {
      task.made = band_frequencies(call.host_input(In::kBand), task.output, output_block_);
    } else if (is_on_coefficients() && !convolution_.has_program()) {
      task.made = task.input.frequencies(output_block_);
      if (has_residual_) task.made = std::max(task.made, residual.frequencies(output_block_));
    }
    check_places(task.output, output_block_, task.made);
    return task;
  }

  Map residual_map(const CudaCall& call, const Task& task) const {
    const DeviceTensor residual = call.input(In::kResidual);
    if (!(residual.shape == task.output.shape())) {
      throw KernelError("the residual has shape " + residual.shape.text() +
                        ", but the output has shape " + task.output.shape().text());
    }
    return Map::of(residual.shape, residual_group_, output_block_, residual_frequencies_,
                   "residual");
  }

  // Sets the views of the inputs; copies an input that no kernel reads in its layout.
  void take_maps(CudaCall& call, Task& task, cuda::DevicePointer x) const {
    const bool is_thin = !task.input.is_grouped && input_block_ == 1 && !has_residual_ &&
                         task.input.channels <= kThinOnCuda && can_be_thin(task.weights.window);
    if (is_thin) {
      task.form = Form::kThin;
      task.x.data = planes_.read_thin(call, task.input, x);
    } else {
      task.x = planes_.read(call, task.input, input_block_, x);
    }
    if (is_on_coefficients()) {
      task.form = Form::kRows;
    } else {
      task.x = x_pixels_.of(call, task.input, task.x);
    }
    if (has_residual_) take_residual(call, task);
  }

  void take_residual(CudaCall& call, Task& task) const {
    const Map map = residual_map(call, task);
    task.added = planes_.read(call, map, output_block_, call.input(In::kResidual).data);
    // Coefficients are added before the sums are transformed to pixels, so both need the same
    // order.
    if (task.form == Form::kRows && !task.added.has_rows_of(task.x)) {
      task.added = residual_pixels_.of(call, map, task.added);
    }
  }

  // Without a per-pixel function, the result stays in coefficients if all maps store the same ones.
  void settle(Task& task) const {
    if (task.form != Form::kRows) return;
    const bool are_same = task.y.has_rows_of(task.x) &&
                          (!has_residual_ || task.added.has_rows_of(task.x));
    task.is_activated = convolution_.has_program() || !are_same;
  }

  bool is_pointwise_, has_residual_, is_truncated_;
  Window window_;
  int input_block_, output_block_;
  int64_t x_group_, residual_group_, y_group_;
  int64_t x_frequencies_, residual_frequencies_, y_frequencies_;
  ConvolutionOnCuda convolution_;
  PlanesOnCuda planes_;
  PixelsOnCuda x_pixels_, residual_pixels_;
};

}  // namespace

std::unique_ptr<CudaKernel> make_conv_on_cuda(const Node& node) {
  return std::make_unique<ConvolveOnCuda>(node);
}

}  // namespace jpegcompile
