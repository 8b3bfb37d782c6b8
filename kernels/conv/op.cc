// JpegConv, JpegPointwiseConv and SpatialConv, alone and with what follows them in the graph.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../native/operators.h"
#include "convolution.h"

namespace jpegcompile {
namespace {

enum class Base { kJpeg, kPointwise, kSpatial };

// What an operator's name says.
struct Form {
  Base base = Base::kJpeg;
  bool has_residual = false;
  Activation activation = Activation::kNone;

  size_t operands() const {
    switch (activation) {
      case Activation::kPRelu:
        return 1;
      case Activation::kClip:
        return 2;
      default:
        return 0;
    }
  }
  // Transforms follow the operands; they are for function bodies only.
  size_t matrices() const {
    if (base == Base::kSpatial) return 0;
    if (base == Base::kPointwise) return activation == Activation::kNone ? 1 : 4;
    return activation != Activation::kNone && has_residual ? 6 : 4;
  }
  size_t inputs() const { return 3 + (has_residual ? 1 : 0) + operands() + matrices(); }
  size_t first_operand() const { return has_residual ? 4 : 3; }
};

// Beyond any map, and such that what is computed from it stays within 64 bits.
constexpr int64_t kMost = int64_t{1} << 20;

bool are_within(const std::vector<int64_t>& values, int64_t least) {
  return std::ranges::all_of(values, [&](int64_t v) { return v >= least && v <= kMost; });
}

Window window_of(const Node& node, const Form& form) {
  Window window;
  window.group = node.integer("group");
  if (form.base == Base::kPointwise) return window;
  const auto strides = node.integers("strides"), pads = node.integers("pads");
  const auto dilations = node.integers("dilations");
  if (strides.size() != 2 || pads.size() != 4 || dilations.size() != 2) {
    throw KernelError("strides, pads and dilations must have 2, 4 and 2 values");
  }
  if (!are_within(strides, 1) || !are_within(dilations, 1) || !are_within(pads, 0)) {
    throw KernelError("strides and dilations must be from 1 and pads from 0 to " +
                      std::to_string(kMost));
  }
  window.stride_y = strides[0];
  window.stride_x = strides[1];
  window.top = pads[0];
  window.left = pads[1];
  window.bottom = pads[2];
  window.right = pads[3];
  window.dilation_y = dilations[0];
  window.dilation_x = dilations[1];
  return window;
}

// One value for each channel, filled up to whole groups with the last value or zeros.
std::vector<float> channel_values(const Tensor& tensor, int64_t channels, const char* name) {
  const int64_t count = tensor.shape.elements();
  if (count != 1 && count != channels) {
    throw KernelError(std::string(name) + " has shape " + tensor.shape.text() + " for " +
                      std::to_string(channels) + " channels");
  }
  std::vector<float> values(static_cast<size_t>((channels + kLanes - 1) / kLanes * kLanes), 0.0F);
  for (int64_t channel = 0; channel < channels; ++channel) {
    values[static_cast<size_t>(channel)] = tensor.floats()[count == 1 ? 0 : channel];
  }
  return values;
}

float scalar(const Tensor& tensor, const char* name) {
  if (tensor.shape.elements() != 1) {
    throw KernelError(std::string(name) + " has shape " + tensor.shape.text() +
                      ", one value is needed");
  }
  return tensor.floats()[0];
}

class Convolve : public Kernel {
 public:
  Convolve(const Node& node, const Form& form)
      : form_(form),
        window_(window_of(node, form)),
        method_(node.text("method")),
        input_block_(block(node, form, "input_block")),
        output_block_(block(node, form, "output_block")),
        x_group_(node.integer("x_group", 1)),
        residual_group_(node.integer("residual_group", 1)),
        y_group_(node.integer("y_group", 1)) {
    if (const auto weight = node.constant(1)) weights_ = packed(*weight);
    if (const auto bias = node.constant(2); bias && weights_) {
      bias_ = channel_values(*bias, weights_->outputs, "bias");
    }
  }

  void compute(const Call& call) const override {
    // Weights that the graph computes are packed at every call.
    std::optional<Weights> computed;
    if (!weights_) computed = packed(call.input(1));
    const Weights& weights = weights_ ? *weights_ : *computed;
    std::vector<float> computed_bias;
    if (bias_.empty()) computed_bias = channel_values(call.input(2), weights.outputs, "bias");

    Convolution task{};
    task.weights = &weights;
    const Tensor x = call.input(0);
    describe_maps(task, x);
    task.x = x.floats();
    task.epilogue.bias = bias_.empty() ? computed_bias.data() : bias_.data();
    std::vector<float> slope;
    if (form_.has_residual) add_residual(task, call.input(3));
    add_operands(task, call, slope);
    task.y = call.output_floats(0, task.output.shape());
    if (task.input.batch == 0) return;
    if (weights.method == Method::kWinograd4 || weights.method == Method::kWinograd2) {
      convolve_by_winograd(call, task);
    } else {
      convolve_directly(call, task);
    }
  }

 private:
  static int block(const Node& node, const Form& form, const char* name) {
    if (form.base == Base::kSpatial) return 1;
    const int64_t value = node.integer(form.base == Base::kPointwise ? "block" : name);
    if (value != 1 && value != 2 && value != 4 && value != 8) {
      throw KernelError("block size is " + std::to_string(value) + "; 1, 2, 4 and 8 are known");
    }
    return static_cast<int>(value);
  }

  Weights packed(const Tensor& weight) const {
    Weights weights = pack(weight, window_, method_);
    if (form_.base == Base::kPointwise && !weights.window.is_pointwise()) {
      throw KernelError("weights of shape " + weight.shape.text() + " are no 1x1 kernels");
    }
    return weights;
  }

  void describe_maps(Convolution& task, const Tensor& x) const {
    const Weights& weights = *task.weights;
    task.input = Map::of(x.shape, x_group_, "x");
    task.input_block = input_block_;
    task.output_block = output_block_;
    task.on_coefficients = form_.base == Base::kPointwise;
    if (task.input.channels != weights.inputs) {
      throw KernelError("x has shape " + x.shape.text() + " but weights are for " +
                        std::to_string(weights.inputs) + " channels");
    }
    const int64_t height = weights.window.output_height(task.input.height);
    const int64_t width = weights.window.output_width(task.input.width);
    const bool fits = task.input.height % input_block_ == 0 &&
                      task.input.width % input_block_ == 0 && height > 0 && width > 0 &&
                      height % output_block_ == 0 && width % output_block_ == 0;
    if (!fits) {
      throw KernelError("x of shape " + x.shape.text() + " in blocks of " +
                        std::to_string(input_block_) + " does not give whole blocks of " +
                        std::to_string(output_block_));
    }
    task.output =
        Map::of(Shape{task.input.batch, weights.outputs, height, width}, y_group_, "y");
  }

  void add_residual(Convolution& task, const Tensor& residual) const {
    if (!(residual.shape == task.output.shape())) {
      throw KernelError("the residual has shape " + residual.shape.text() + ", the output " +
                        task.output.shape().text());
    }
    task.residual = residual.floats();
    task.residual_map = Map::of(residual.shape, residual_group_, "residual");
  }

  void add_operands(Convolution& task, const Call& call, std::vector<float>& slope) const {
    task.epilogue.activation = form_.activation;
    const size_t first = form_.first_operand();
    if (form_.activation == Activation::kPRelu) {
      slope = channel_values(call.input(first), task.weights->outputs, "slope");
      task.epilogue.slope = slope.data();
    } else if (form_.activation == Activation::kClip) {
      task.epilogue.low = scalar(call.input(first), "low");
      task.epilogue.high = scalar(call.input(first + 1), "high");
    }
  }

  Form form_;
  Window window_;
  std::string method_;
  int input_block_, output_block_;
  int64_t x_group_, residual_group_, y_group_;
  std::optional<Weights> weights_;
  std::vector<float> bias_;
};

template <Base base, bool has_residual, Activation activation>
Operator convolution(const std::string& name) {
  static constexpr Form kForm{base, has_residual, activation};
  return {name, std::vector<ort::ElementType>(kForm.inputs(), ort::ElementType::kFloat),
          [](const Node& node) -> std::unique_ptr<Kernel> {
            return std::make_unique<Convolve>(node, kForm);
          }};
}

template <Base base, bool has_residual>
void add_activations(const std::string& name, std::vector<Operator>& all) {
  all.push_back(convolution<base, has_residual, Activation::kNone>(name));
  all.push_back(convolution<base, has_residual, Activation::kRelu>(name + "Relu"));
  all.push_back(convolution<base, has_residual, Activation::kPRelu>(name + "PRelu"));
  all.push_back(convolution<base, has_residual, Activation::kClip>(name + "Clip"));
}

template <Base base>
void add_forms(const std::string& name, std::vector<Operator>& all) {
  add_activations<base, false>(name, all);
  add_activations<base, true>(name + "Add", all);
}

}  // namespace

std::vector<Operator> conv_operators() {
  std::vector<Operator> all;
  add_forms<Base::kJpeg>("JpegConv", all);
  add_forms<Base::kPointwise>("JpegPointwiseConv", all);
  add_forms<Base::kSpatial>("SpatialConv", all);
  return all;
}

}  // namespace jpegcompile
