// JpegConv, JpegPointwiseConv and SpatialConv, alone and with what follows them in the graph.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "conv/convolution.h"
#include "conv/parameters.h"
#include "conv/shared.h"
#include "ort/operators.h"
#include "tiles/tiles.h"

namespace jpegcompile {
namespace {

enum class Base { kJpeg, kPointwise, kSpatial };

// What an operator's name says.
struct Form {
  Base base = Base::kJpeg;
  bool has_residual = false;
  Activation activation = Activation::kNone;
  bool is_truncated = false;  // behind the activation, by a band, the last input

  // Transforms follow the operands; they are for function bodies only.
  size_t matrices() const {
    if (base == Base::kSpatial) return 0;
    if (base == Base::kPointwise) return activation == Activation::kNone ? 1 : 4;
    return activation != Activation::kNone && has_residual ? 6 : 4;
  }
  size_t inputs() const {
    return 3 + (has_residual ? 1 : 0) + operand_count(activation) + matrices() +
           (is_truncated ? 1 : 0);
  }
  size_t first_operand() const { return has_residual ? 4 : 3; }
};

Window window_of(const Node& node, const Form& form) {
  if (form.base != Base::kPointwise) return window_of(node);
  Window window;
  window.group = node.integer("group");
  return window;
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
        y_group_(node.integer("y_group", 1)),
        x_frequencies_(node.integer("x_frequencies", 0)),
        residual_frequencies_(node.integer("residual_frequencies", 0)),
        y_frequencies_(node.integer("y_frequencies", 0)),
        weights_(constant_weights(node)),
        bias_(node, 2, weights_ ? weights_->outputs : 0, "bias"),
        activation_(node, form.activation, form.first_operand(),
                    weights_ ? weights_->outputs : 0) {}

  void compute(const Call& call) const override {
    // Weights that the graph computes are packed at every call.
    std::optional<Weights> computed;
    if (!weights_) computed = packed(call.input(1));
    const Weights& weights = weights_ ? *weights_ : *computed;
    std::optional<Workspace> bias, slope;

    Convolution task{};
    task.weights = &weights;
    const Tensor x = call.input(0);
    describe_maps(task, x);
    task.x = x.floats();
    task.epilogue.bias = bias_.of(call, weights.outputs, bias);
    if (form_.has_residual) add_residual(task, call.input(3));
    keep_frequencies(task, call);
    activation_.put(call, weights.outputs, slope, task.epilogue);
    task.y = call.output_floats(0, task.output.shape());
    if (task.input.batch > 0 && task.on_coefficients && task.input.is_compact) {
      return convolve_band(call, task);
    }
    convolve(call, task);
  }

 private:
  static int block(const Node& node, const Form& form, const char* name) {
    if (form.base == Base::kSpatial) return 1;
    return node.block(form.base == Base::kPointwise ? "block" : name);
  }

  std::shared_ptr<const Weights> constant_weights(const Node& node) const {
    const std::optional<Tensor> weight = node.constant(1);
    return weight ? shared(packed(*weight)) : nullptr;
  }

  Weights packed(const Tensor& weight) const {
    Weights weights = pack(weight, window_, method_);
    if (form_.base == Base::kPointwise && !weights.window.is_pointwise()) {
      throw KernelError("weights of shape " + weight.shape.text() + " are no 1x1 kernels");
    }
    return weights;
  }

  void describe_maps(Convolution& task, const Tensor& x) const {
    task.input = Map::of(x.shape, x_group_, input_block_, x_frequencies_, "x");
    task.input_block = input_block_;
    task.output_block = output_block_;
    task.on_coefficients = form_.base == Base::kPointwise;
    check_tiles(task.input, input_block_, "x");
    task.output = Map::of(output_shape(*task.weights, task.input, output_block_, "x"), y_group_,
                          output_block_, y_frequencies_, "y");
    task.output_at = layout_of(task.output, output_block_);
  }

  void add_residual(Convolution& task, const Tensor& residual) const {
    if (!(residual.shape == task.output.shape())) {
      throw KernelError("the residual has shape " + residual.shape.text() + ", the output " +
                        task.output.shape().text());
    }
    task.residual = residual.floats();
    task.residual_map = Map::of(residual.shape, residual_group_, output_block_,
                                residual_frequencies_, "residual");
    task.residual_at = layout_of(task.residual_map, output_block_);
  }

  // What the output's tiles may hold must have a place where they stand compactly.
  void keep_frequencies(Convolution& task, const Call& call) const {
    const auto held = [&](const Map& map) { return map.frequencies(output_block_); };
    task.frequencies = 2 * output_block_ - 1;
    if (form_.is_truncated) {
      task.frequencies = band_frequencies(call.input(form_.inputs() - 1), task.output, output_block_);
    }
    int made = task.frequencies;
    if (task.on_coefficients && form_.activation == Activation::kNone) {
      made = std::max(held(task.input), form_.has_residual ? held(task.residual_map) : 0);
    }
    check_places(task.output, output_block_, made);
  }

  Form form_;
  Window window_;
  std::string method_;
  int input_block_, output_block_;
  int64_t x_group_, residual_group_, y_group_;
  int64_t x_frequencies_, residual_frequencies_, y_frequencies_;
  std::shared_ptr<const Weights> weights_;
  ChannelOperand bias_;
  ActivationOperands activation_;
};

template <Base base, bool has_residual, Activation activation, bool is_truncated = false>
Operator convolution(const std::string& name) {
  static constexpr Form kForm{base, has_residual, activation, is_truncated};
  return {name, std::vector<ElementType>(kForm.inputs(), ElementType::kFloat),
          [](const Node& node) -> std::unique_ptr<Kernel> {
            return std::make_unique<Convolve>(node, kForm);
          }};
}

// An activation with nothing behind it; or a truncation, which only maps of coefficients have.
template <Base base, bool has_residual, Activation activation>
void add_activation(const std::string& name, std::vector<Operator>& all) {
  all.push_back(convolution<base, has_residual, activation>(name));
  if constexpr (base != Base::kSpatial) {
    all.push_back(convolution<base, has_residual, activation, true>(name + "Truncate"));
  }
}

template <Base base, bool has_residual>
void add_activations(const std::string& name, std::vector<Operator>& all) {
  all.push_back(convolution<base, has_residual, Activation::kNone>(name));
  add_activation<base, has_residual, Activation::kRelu>(name + "Relu", all);
  add_activation<base, has_residual, Activation::kPRelu>(name + "PRelu", all);
  add_activation<base, has_residual, Activation::kClip>(name + "Clip", all);
}

template <Base base>
void add_forms(const std::string& name, std::vector<Operator>& all) {
  add_activations<base, false>(name, all);
  add_activations<base, true>(name + "Add", all);
}

}  // namespace

void convolve(const Call& call, const Convolution& task) {
  if (task.input.batch == 0) return;
  const Method method = task.weights->method;
  if (method == Method::kWinograd4 || method == Method::kWinograd2) {
    convolve_by_winograd(call, task);
  } else {
    convolve_directly(call, task);
  }
}

std::vector<Operator> conv_operators() {
  std::vector<Operator> all;
  add_forms<Base::kJpeg>("JpegConv", all);
  add_forms<Base::kPointwise>("JpegPointwiseConv", all);
  add_forms<Base::kSpatial>("SpatialConv", all);
  return all;
}

}  // namespace jpegcompile
