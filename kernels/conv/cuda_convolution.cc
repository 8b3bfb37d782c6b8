#include "conv/cuda_convolution.h"

#include <algorithm>

#include "conv/parameters.h"
#include "generated/programs.h"

namespace jpegcompile {
namespace {

using cuda::Arguments;
using cuda::DevicePointer;
using Form = CudaConvolution::Form;

cuda::Program program_of(Activation activation) {
  switch (activation) {
    case Activation::kRelu:
      return cuda::relu();
    case Activation::kPRelu:
      return cuda::prelu();
    case Activation::kClip:
      return cuda::clip();
    case Activation::kNone:
      break;
  }
  return {};
}

const char* kernel_of(Form form) {
  switch (form) {
    case Form::kThin:
      return "conv.triton:conv_thin";
    case Form::kRows:
      return "conv.triton:conv_rows";
    case Form::kPixels:
      break;
  }
  return "conv.triton:conv_pixels";
}

// Converts weights [C, O / group, kh, kw] of a transposed convolution to OIHW.
std::vector<float> exchanged(const float* weight, const Weights& shape) {
  const int64_t group = shape.window.group;
  const int64_t inputs = shape.inputs / group, outputs = shape.outputs / group;
  const int64_t taps = shape.window.kernel_height * shape.window.kernel_width;
  std::vector<float> made(static_cast<size_t>(shape.outputs * inputs * taps));
  for (int64_t output = 0; output < shape.outputs; ++output) {
    for (int64_t input = 0; input < inputs; ++input) {
      const int64_t given = output / outputs * inputs + input;
      std::copy_n(weight + (given * outputs + output % outputs) * taps, taps,
                  made.data() + (output * inputs + input) * taps);
    }
  }
  return made;
}

void put_window(const CudaConvolution& task, Arguments& arguments) {
  const Window& window = task.weights.window;
  arguments.integer("height", task.input.height);
  arguments.integer("width", task.input.width);
  arguments.integer("kernel_h", window.kernel_height);
  arguments.integer("stride_h", window.stride_y);
  arguments.integer("stride_w", window.stride_x);
  arguments.integer("pad_h", window.top);
  arguments.integer("pad_w", window.left);
  arguments.integer("dilation_h", window.dilation_y);
  if (task.form == Form::kThin) return;
  arguments.integer("kernel_w", window.kernel_width);
  arguments.integer("dilation_w", window.dilation_x);
}

void put_maps(const CudaConvolution& task, const CudaShape& shape, const cuda::Tiling& tiling,
              Arguments& arguments) {
  arguments.integer("span", shape.span(tiling.channels));
  arguments.integer("last_start", shape.last_start(tiling.channels));
  arguments.integer("group_in", shape.group_in());
  arguments.integer("group_out", shape.group_out());
  const bool has_kept = task.form == Form::kRows;
  (has_kept ? cuda::put_view : cuda::put_raster)(arguments, cuda::kXNames, task.x);
  cuda::put_view(arguments, cuda::kResidualNames, task.has_residual ? task.added : task.y);
}

}  // namespace

ConvolutionOnCuda::ConvolutionOnCuda(const Node& node)
    : activation_(node.definition().activation),
      program_(program_of(activation_)),
      weight_(node, In::kWeight),
      bias_(node, In::kBias) {
  if (activation_ == Activation::kPRelu) operands_.emplace_back(node, In::kSlope);
  if (activation_ == Activation::kClip) {
    operands_.emplace_back(node, In::kLow);
    operands_.emplace_back(node, In::kHigh);
  }
}

void ConvolutionOnCuda::run(CudaCall& call, const CudaConvolution& task) const {
  const CudaShape shape(task.weights, task.form == Form::kThin);
  const int64_t rows = task.output.batch * task.output.plane();
  const int64_t channels = cuda::padded(task.output.channels);
  const cuda::Cubin& cubin =
      variants(task).fastest(call.runtime(), call.chip(), rows, channels,
                             [&](const cuda::Tiling& tiling) { return shape.accepts(tiling); });
  Arguments arguments;
  put_pointers(call, task, arguments);
  arguments.pointer("weight", weights_on(call, task, shape, cubin.tiling));
  cuda::put_tiles(arguments, task.output, task.output_block);
  cuda::put_view(arguments, cuda::kYNames, task.y);
  if (task.form != Form::kRows) put_window(task, arguments);
  if (task.form != Form::kThin) put_maps(task, shape, cubin.tiling, arguments);
  call.launch(cubin, cuda::grid_of(cubin.tiling, rows, channels), arguments);
}

const cuda::Variants& ConvolutionOnCuda::variants(const CudaConvolution& task) const {
  return variants_.of({kernel_of(task.form),
                       {{"PROGRAM", program_.steps},
                        {"COUNT", program_.constants},
                        {"X_ROWS", task.x.is_rows},
                        {"RESIDUAL", task.has_residual},
                        {"RESIDUAL_ROWS", task.has_residual && task.added.is_rows},
                        {"RESIDUAL_MIXED", task.is_mixed()},
                        {"APPROXIMATE", 0},
                        {"ACTIVATED", task.is_activated},
                        {"Y_ROWS", task.y.is_rows},
                        {"Y_MIXED", task.is_activated && !task.y.is_pixels()},
                        {"TRANSPOSED", task.is_transposed}},
                       {{"x", "*fp32"}, {"weight", "*fp32"}, {"y", "*fp32"}}});
}

// Pointers that the kernel does not read are set to y.
void ConvolutionOnCuda::put_pointers(CudaCall& call, const CudaConvolution& task,
                                     Arguments& arguments) const {
  const DevicePointer y = task.y.data;
  const int64_t outputs = task.weights.outputs;
  const bool is_transformed = task.is_activated && !task.y.is_pixels();
  arguments.pointer("x", task.x.data);
  arguments.pointer("bias", bias_on(call, outputs));
  arguments.pointer("constants", operands_.empty() ? y : constants_on(call, outputs));
  arguments.pointer("forward",
                    is_transformed ? matrix_on(call, task.y.forward(task.made), matrices_) : y);
  arguments.pointer("approximated", y);
  arguments.pointer("y", y);
  if (task.form == Form::kThin) return;
  arguments.pointer("residual", task.has_residual ? task.added.data : y);
  arguments.pointer("inverse", inverse_on(call, task));
}

DevicePointer ConvolutionOnCuda::weights_on(CudaCall& call, const CudaConvolution& task,
                                            const CudaShape& shape,
                                            const cuda::Tiling& tiling) const {
  const auto pack = [&] {
    const float* given = weight_.of(call).floats();
    if (!task.is_transposed) return shape.packed(given, tiling);
    return shape.packed(exchanged(given, task.weights).data(), tiling);
  };
  return weight_.is_constant() ? weights_.get(call, shape.key(tiling), pack) : call.upload(pack());
}

DevicePointer ConvolutionOnCuda::bias_on(CudaCall& call, int64_t outputs) const {
  const auto make = [&] {
    std::vector<float> values(static_cast<size_t>(cuda::padded(outputs)));
    put_channels(bias_.of(call), outputs, name_of(In::kBias), values.data());
    return values;
  };
  return bias_.is_constant() ? biases_.get(call, outputs, make) : call.upload(make());
}

DevicePointer ConvolutionOnCuda::inverse_on(CudaCall& call, const CudaConvolution& task) const {
  if (task.form == Form::kRows) {
    return task.is_activated ? matrix_on(call, task.x.inverse(), matrices_) : task.y.data;
  }
  return task.is_mixed() ? matrix_on(call, task.added.inverse(), matrices_) : task.y.data;
}

// The constants of the program, [constants, channels].
DevicePointer ConvolutionOnCuda::constants_on(CudaCall& call, int64_t outputs) const {
  const auto make = [&] {
    if (activation_ == Activation::kClip) return bounds(call, operands_[0], operands_[1], outputs);
    std::vector<float> slopes(static_cast<size_t>(cuda::padded(outputs)));
    put_channels(operands_[0].of(call), outputs, name_of(In::kSlope), slopes.data());
    return slopes;
  };
  const bool are_constant = std::ranges::all_of(operands_, &HostOperand::is_constant);
  return are_constant ? constants_.get(call, outputs, make) : call.upload(make());
}

}  // namespace jpegcompile
