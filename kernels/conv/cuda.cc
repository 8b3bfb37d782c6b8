// The convolutions of op.cc on CUDA, by the kernels of triton.py as launch.py launches them.
#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "common/cuda_maps.h"
#include "common/cuda_operand.h"
#include "conv/cuda_shape.h"
#include "conv/parameters.h"
#include "generated/makers.h"
#include "generated/programs.h"
#include "tiles/tiles.h"

namespace jpegcompile {
namespace {

using cuda::Arguments;
using cuda::DevicePointer;
using cuda::View;

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

enum class Form { kPixels, kThin, kRows };

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

// What one call convolves.
struct Task {
  Weights weights;  // not packed
  Map input, output, residual;
  bool has_residual = false;
  Form form = Form::kPixels;
  bool is_activated = true;  // something is computed on pixels
  int made = 1;              // frequencies of the output
  View x, added, y;

  // Whether the residual is added as coefficients, or taken to pixels by a matrix.
  bool is_mixed() const { return has_residual && !added.is_pixels(); }
};

class ConvolveOnCuda : public CudaKernel {
 public:
  explicit ConvolveOnCuda(const Node& node)
      : is_pointwise_(node.definition().base == Base::kJpegPointwiseConv),
        has_residual_(node.has(In::kResidual)),
        is_truncated_(node.definition().truncates),
        activation_(node.definition().activation),
        program_(program_of(activation_)),
        window_(window_of_form(node)),
        input_block_(node.block(is_pointwise_ ? "block" : "input_block")),
        output_block_(node.block(is_pointwise_ ? "block" : "output_block")),
        x_group_(node.group(In::kX)),
        residual_group_(node.group(In::kResidual)),
        y_group_(node.group(Out::kY)),
        x_frequencies_(node.frequencies(In::kX)),
        residual_frequencies_(node.frequencies(In::kResidual)),
        y_frequencies_(node.frequencies(Out::kY)),
        weight_(node, In::kWeight),
        bias_(node, In::kBias),
        x_to_pixels_({}, false, coefficients(input_block_, x_group_, x_frequencies_), View{}),
        residual_to_pixels_(
            {}, false, coefficients(output_block_, residual_group_, residual_frequencies_),
            View{}) {
    if (activation_ == Activation::kPRelu) operands_.emplace_back(node, In::kSlope);
    if (activation_ == Activation::kClip) {
      operands_.emplace_back(node, In::kLow);
      operands_.emplace_back(node, In::kHigh);
    }
  }

  void compute(CudaCall& call) const override {
    const Tensor weight = weight_.of(call);
    Task task = described(call, weight);
    const DeviceTensor x = call.input(In::kX);
    const DevicePointer y = call.output(Out::kY, task.output.shape());
    if (task.input.batch == 0) return;
    take_maps(call, task, x.data);
    task.y = planes_.target(call, task.output, output_block_, y);
    settle(task);
    launch(call, task, weight);
    planes_.write(call, task.output, task.y, y);
  }

 private:
  // How coefficients stand that are taken to pixels; of pixels it is not asked for.
  static View coefficients(int block, int64_t group, int64_t frequencies) {
    View view;
    view.block = std::max(block, 2);
    view.is_rows = group != 1 && frequencies != 0 && frequencies != 2 * block - 1;
    return view;
  }

  bool is_on_coefficients() const { return is_pointwise_ && input_block_ > 1; }

  Task described(const CudaCall& call, const Tensor& weight) const {
    Task task;
    task.weights = jpegcompile::described(weight, window_);
    if (is_pointwise_ && !task.weights.window.is_pointwise()) {
      throw KernelError("weights of shape " + weight.shape.text() + " are no 1x1 kernels");
    }
    const DeviceTensor x = call.input(In::kX);
    task.input = Map::of(x.shape, x_group_, input_block_, x_frequencies_, "x");
    check_tiles(task.input, input_block_, "x");
    task.output = Map::of(output_shape(task.weights, task.input, output_block_, "x"), y_group_,
                          output_block_, y_frequencies_, "y");
    task.has_residual = has_residual_;
    if (has_residual_) describe_residual(call, task);
    task.made = 2 * output_block_ - 1;
    if (is_truncated_) {
      task.made = band_frequencies(call.host_input(In::kBand), task.output, output_block_);
    } else if (is_on_coefficients() && program_.is_nothing()) {
      task.made = task.input.frequencies(output_block_);
      if (has_residual_) {
        task.made = std::max(task.made, task.residual.frequencies(output_block_));
      }
    }
    check_places(task.output, output_block_, task.made);
    return task;
  }

  void describe_residual(const CudaCall& call, Task& task) const {
    const DeviceTensor residual = call.input(In::kResidual);
    if (!(residual.shape == task.output.shape())) {
      throw KernelError("the residual has shape " + residual.shape.text() + ", the output " +
                        task.output.shape().text());
    }
    task.residual = Map::of(residual.shape, residual_group_, output_block_, residual_frequencies_,
                            "residual");
  }

  // Views of what is read; copies of it where no kernel takes it as it stands.
  void take_maps(CudaCall& call, Task& task, DevicePointer x) const {
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
    } else if (!task.x.is_pixels()) {
      task.x = to_pixels(call, x_to_pixels_, task.input, task.x);
    }
    if (!has_residual_) return;
    task.added = planes_.read(call, task.residual, output_block_, call.input(In::kResidual).data);
    // Coefficients are added before the sums are taken to pixels, in their order.
    if (task.form == Form::kRows && !task.added.has_rows_of(task.x)) {
      task.added = to_pixels(call, residual_to_pixels_, task.residual, task.added);
    }
  }

  View to_pixels(CudaCall& call, const ElementwiseOnCuda& kernel, const Map& map,
                 const View& from) const {
    const View made = cuda::channels_last(map, 1, call.scratch(cuda::channels_last_floats(map)));
    kernel.run(call, {map, from.block, from, made, from.frequencies, 1}, matrices_);
    return made;
  }

  // Without a function of pixels, coefficients stay what they are if all maps have the same.
  void settle(Task& task) const {
    if (task.form != Form::kRows) return;
    const bool are_same = task.y.has_rows_of(task.x) &&
                          (!has_residual_ || task.added.has_rows_of(task.x));
    task.is_activated = !program_.is_nothing() || !are_same;
  }

  const cuda::Variants& variants(const Task& task) const {
    const cuda::Constants constants = {
        {"PROGRAM", program_.steps},
        {"COUNT", program_.constants},
        {"X_ROWS", task.x.is_rows},
        {"RESIDUAL", has_residual_},
        {"RESIDUAL_ROWS", has_residual_ && task.added.is_rows},
        {"RESIDUAL_MIXED", task.is_mixed()},
        {"APPROXIMATE", 0},
        {"ACTIVATED", task.is_activated},
        {"Y_ROWS", task.y.is_rows},
        {"Y_MIXED", task.is_activated && !task.y.is_pixels()},
        {"TRANSPOSED", 0}};
    const std::scoped_lock lock(mutex_);
    for (const auto& [known, made] : variants_) {
      if (known.first == task.form && known.second == constants) return *made;
    }
    cuda::Wanted wanted{kernel_of(task.form), constants,
                        {{"x", "*fp32"}, {"weight", "*fp32"}, {"y", "*fp32"}}};
    return *variants_.emplace_back(std::pair(task.form, constants),
                                   std::make_unique<cuda::Variants>(std::move(wanted))).second;
  }

  void launch(CudaCall& call, const Task& task, const Tensor& weight) const {
    const CudaShape shape(task.weights, task.form == Form::kThin);
    const int64_t rows = task.output.batch * task.output.plane();
    const int64_t channels = cuda::padded(task.output.channels);
    const cuda::Cubin& cubin =
        variants(task).fastest(call.runtime(), call.chip(), rows, channels,
                               [&](const cuda::Tiling& tiling) { return shape.accepts(tiling); });
    Arguments arguments;
    put_pointers(call, task, arguments);
    const auto pack = [&] { return shape.packed(weight.floats(), cubin.tiling); };
    arguments.pointer("weight", weight_.is_constant()
                                    ? weights_.get(call, shape.key(cubin.tiling), pack)
                                    : call.upload(pack()));
    cuda::put_tiles(arguments, task.output, output_block_);
    cuda::put_view(arguments, cuda::kYNames, task.y);
    if (task.form != Form::kRows) put_window(task, arguments);
    if (task.form != Form::kThin) put_maps(task, shape, cubin.tiling, arguments);
    call.launch(cubin, cuda::grid_of(cubin.tiling, rows, channels), arguments);
  }

  // What the kernel does not read is y.
  void put_pointers(CudaCall& call, const Task& task, Arguments& arguments) const {
    const int64_t outputs = task.weights.outputs;
    const auto bias = [&] {
      std::vector<float> values(static_cast<size_t>(cuda::padded(outputs)));
      put_channels(bias_.of(call), outputs, name_of(In::kBias), values.data());
      return values;
    };
    arguments.pointer("x", task.x.data);
    arguments.pointer("bias", bias_.is_constant() ? biases_.get(call, outputs, bias)
                                                  : call.upload(bias()));
    arguments.pointer("constants", operands_.empty() ? task.y.data : constants_on(call, outputs));
    const bool is_transformed = task.is_activated && !task.y.is_pixels();
    arguments.pointer("forward", is_transformed
                                     ? matrix_on(call, task.y.forward(task.made), matrices_)
                                     : task.y.data);
    arguments.pointer("approximated", task.y.data);
    arguments.pointer("y", task.y.data);
    if (task.form == Form::kThin) return;
    arguments.pointer("residual", has_residual_ ? task.added.data : task.y.data);
    arguments.pointer("inverse", inverse_on(call, task));
  }

  DevicePointer inverse_on(CudaCall& call, const Task& task) const {
    if (task.form == Form::kRows) {
      return task.is_activated ? matrix_on(call, task.x.inverse(), matrices_) : task.y.data;
    }
    return task.is_mixed() ? matrix_on(call, task.added.inverse(), matrices_) : task.y.data;
  }

  // The constants of the program, [constants, channels].
  DevicePointer constants_on(CudaCall& call, int64_t outputs) const {
    const auto make = [&] {
      if (activation_ == Activation::kClip) return bounds(call, operands_[0], operands_[1], outputs);
      std::vector<float> slopes(static_cast<size_t>(cuda::padded(outputs)));
      put_channels(operands_[0].of(call), outputs, name_of(In::kSlope), slopes.data());
      return slopes;
    };
    const bool are_constant = std::ranges::all_of(operands_, &HostOperand::is_constant);
    return are_constant ? constants_.get(call, outputs, make) : call.upload(make());
  }

  static void put_window(const Task& task, Arguments& arguments) {
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

  static void put_maps(const Task& task, const CudaShape& shape, const cuda::Tiling& tiling,
                       Arguments& arguments) {
    arguments.integer("span", shape.span(tiling.channels));
    arguments.integer("last_start", shape.last_start(tiling.channels));
    arguments.integer("group_in", shape.group_in());
    arguments.integer("group_out", shape.group_out());
    const bool has_kept = task.form == Form::kRows;
    (has_kept ? cuda::put_view : cuda::put_raster)(arguments, cuda::kXNames, task.x);
    cuda::put_view(arguments, cuda::kResidualNames, task.has_residual ? task.added : task.y);
  }

  bool is_pointwise_, has_residual_, is_truncated_;
  Activation activation_;
  cuda::Program program_;
  Window window_;
  int input_block_, output_block_;
  int64_t x_group_, residual_group_, y_group_;
  int64_t x_frequencies_, residual_frequencies_, y_frequencies_;
  HostOperand weight_, bias_;
  std::vector<HostOperand> operands_;
  PlanesOnCuda planes_;
  ElementwiseOnCuda x_to_pixels_, residual_to_pixels_;
  DeviceConstants weights_, biases_, constants_, matrices_;

  using Known = std::pair<std::pair<Form, cuda::Constants>, std::unique_ptr<cuda::Variants>>;
  mutable std::mutex mutex_;
  mutable std::vector<Known> variants_;
};

}  // namespace

std::unique_ptr<CudaKernel> make_conv_on_cuda(const Node& node) {
  return std::make_unique<ConvolveOnCuda>(node);
}

}  // namespace jpegcompile
