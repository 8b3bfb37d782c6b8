// JpegConv, JpegPointwiseConv and SpatialConv, with and without fused operators.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "conv/convolution.h"
#include "conv/parameters.h"
#include "conv/shared.h"
#include "generated/makers.h"
#include "tiles/tiles.h"

namespace jpegcompile {
namespace {

class Convolve : public Kernel {
 public:
  explicit Convolve(const Node& node)
      : is_pointwise_(node.definition().base == Base::kJpegPointwiseConv),
        has_residual_(node.has(In::kResidual)),
        is_activated_(node.definition().activation != Activation::kNone),
        is_truncated_(node.definition().truncates),
        window_(window_of_form(node)),
        method_(node.text("method")),
        input_block_(node.block(is_pointwise_ ? "block" : "input_block")),
        output_block_(node.block(is_pointwise_ ? "block" : "output_block")),
        x_group_(node.group(In::kX)),
        residual_group_(node.group(In::kResidual)),
        y_group_(node.group(Out::kY)),
        x_frequencies_(node.frequencies(In::kX)),
        residual_frequencies_(node.frequencies(In::kResidual)),
        y_frequencies_(node.frequencies(Out::kY)),
        weights_(constant_weights(node)),
        bias_(node, In::kBias, weights_ ? weights_->outputs : 0),
        activation_(node, weights_ ? weights_->outputs : 0) {}

  void compute(const Call& call) const override {
    // Weights that the graph computes are packed at every call.
    std::optional<Weights> computed;
    if (!weights_) computed = packed(call.input(In::kWeight));
    const Weights& weights = weights_ ? *weights_ : *computed;
    std::optional<Workspace> bias, slope;

    Convolution task{};
    task.weights = &weights;
    const Tensor x = call.input(In::kX);
    describe_maps(task, x);
    task.x = x.floats();
    task.epilogue.bias = bias_.of(call, weights.outputs, bias);
    if (has_residual_) add_residual(task, call.input(In::kResidual));
    keep_frequencies(task, call);
    activation_.put(call, weights.outputs, slope, task.epilogue);
    task.y = call.output_floats(Out::kY, task.output.shape());
    if (task.input.batch > 0 && task.on_coefficients && task.input.is_compact) {
      return convolve_band(call, task);
    }
    convolve(call, task);
  }

 private:
  std::shared_ptr<const Weights> constant_weights(const Node& node) const {
    const std::optional<Tensor> weight = node.constant(In::kWeight);
    return weight ? shared(packed(*weight)) : nullptr;
  }

  Weights packed(const Tensor& weight) const {
    Weights weights = pack(weight, window_, method_);
    if (is_pointwise_ && !weights.window.is_pointwise()) {
      throw KernelError("weights of shape " + weight.shape.text() + " are not 1x1 kernels");
    }
    return weights;
  }

  void describe_maps(Convolution& task, const Tensor& x) const {
    task.input = Map::of(x.shape, x_group_, input_block_, x_frequencies_, "x");
    task.input_block = input_block_;
    task.output_block = output_block_;
    task.on_coefficients = is_pointwise_;
    check_tiles(task.input, input_block_, "x");
    task.output = Map::of(output_shape(*task.weights, task.input, output_block_, "x"), y_group_,
                          output_block_, y_frequencies_, "y");
    task.output_at = layout_of(task.output, output_block_);
  }

  void add_residual(Convolution& task, const Tensor& residual) const {
    if (!(residual.shape == task.output.shape())) {
      throw KernelError("the residual has shape " + residual.shape.text() +
                        ", but the output has shape " + task.output.shape().text());
    }
    task.residual = residual.floats();
    task.residual_map = Map::of(residual.shape, residual_group_, output_block_,
                                residual_frequencies_, "residual");
    task.residual_at = layout_of(task.residual_map, output_block_);
  }

  // A compact output must store all frequencies that its tiles may contain.
  void keep_frequencies(Convolution& task, const Call& call) const {
    const auto held = [&](const Map& map) { return map.frequencies(output_block_); };
    task.frequencies = 2 * output_block_ - 1;
    if (is_truncated_) {
      task.frequencies = band_frequencies(call.input(In::kBand), task.output, output_block_);
    }
    int made = task.frequencies;
    if (task.on_coefficients && !is_activated_) {
      made = std::max(held(task.input), has_residual_ ? held(task.residual_map) : 0);
    }
    check_places(task.output, output_block_, made);
  }

  bool is_pointwise_, has_residual_, is_activated_, is_truncated_;
  Window window_;
  std::string method_;
  int input_block_, output_block_;
  int64_t x_group_, residual_group_, y_group_;
  int64_t x_frequencies_, residual_frequencies_, y_frequencies_;
  std::shared_ptr<const Weights> weights_;
  ChannelOperand bias_;
  ActivationOperands activation_;
};

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

std::unique_ptr<Kernel> make_conv(const Node& node) { return std::make_unique<Convolve>(node); }

}  // namespace jpegcompile
