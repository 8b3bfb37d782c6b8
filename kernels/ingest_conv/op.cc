// JpegIngestConv and related operators: an ingest and the convolution that reads it.
//
// The result is computed in one of two ways: on the sparse path, as the sum of the responses of the
// nonzero coefficients; on the dense path, as the image and its convolution. The number of nonzero
// coefficients decides which is faster, by a bound from the compiler's cost model
// (jpegcompile/cost/first.py).
#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "conv/convolution.h"
#include "conv/parameters.h"
#include "conv/shared.h"
#include "generated/makers.h"
#include "ingest/ingest.h"
#include "ingest_conv/constant_input.h"
#include "ingest_conv/sparse.h"
#include "tiles/tiles.h"
#include "work/workspace.h"

namespace jpegcompile {
namespace {

class IngestConvolve : public Kernel {
 public:
  explicit IngestConvolve(const Node& node)
      : planes_(planes_of(node)),
        is_truncated_(node.definition().truncates),
        // For a spatial convolution, the attribute is the block size of the image.
        output_block_(is_spatial(node) ? 1 : node.block("output_block")),
        input_block_(node.block("block")),
        y_group_(node.group(Out::kY)),
        y_frequencies_(node.frequencies(Out::kY)),
        method_(node.text("method")),
        most_vectors_(node.integer("sparse_vectors")),
        ingest_(image_ingest(node)),
        weights_(shared(pack(constant_input(node, In::kWeight), window_of(node), ""))),
        bias_(node, In::kBias, weights_->outputs),
        activation_(node, weights_->outputs) {
    static_cast<void>(constant_input(node, In::kBias));  // throws if the graph computes it
    if (!method_.empty() && method_ != "sparse" && method_ != "dense") {
      throw KernelError("the method '" + method_ + "' is unknown; it must be 'sparse' or 'dense'");
    }
    const bool is_dense = method_ == "dense" || (method_.empty() && most_vectors_ <= 0);
    if (!is_dense) responses_ = responses(node);
    if (method_ == "sparse" && !responses_) {
      throw KernelError("the method 'sparse' does not support this image and window");
    }
  }

  void compute(const Call& call) const override {
    Convolution task{};
    std::optional<Workspace> bias, slope;
    describe(call, task, bias, slope);
    const int64_t batch = task.input.batch;
    if (batch == 0) return;
    if (!responses_) return convolve_densely(call, task, 0, batch);
    const QuantizedImages images = images_of(call);
    if (!method_.empty()) return convolve_sparsely(call, task, *responses_, images, 0, batch);
    for (int64_t first = 0; first < batch; first += kChoices) {
      convolve_some(call, task, images, first, std::min(kChoices, batch - first));
    }
  }

 private:
  static bool is_spatial(const Node& node) {
    return node.definition().base == Base::kSpatialConv;
  }

  // Number of images to decide about at a time, so that the decisions fit on the stack.
  static constexpr int64_t kChoices = 64;

  std::unique_ptr<Responses> responses(const Node& node) const {
    FirstConvolution first{constant_input(node, In::kWeight), constant_input(node, In::kMixing),
                           constant_input(node, In::kOffset), weights_->window, 0, 0};
    const bool are_channels = first.mixing.shape.rank() == 4 &&
                              first.mixing.shape[0] == weights_->inputs &&
                              first.mixing.shape[2] == 1 && first.mixing.shape[3] == 1 &&
                              first.offset.shape.elements() == weights_->inputs;
    // Inputs that do not match are reported when the kernel is called.
    if (!are_channels || weights_->window.group != 1) return nullptr;
    std::vector<PlaneMatrices> planes;
    int64_t components = 0;
    for (const PlaneInputs& inputs : planes_) {
      planes.push_back({constant_input(node, inputs.tables).shape.elements(),
                        PixelMatrix::of_left(constant_input(node, inputs.rows), input_block_),
                        PixelMatrix::of_right(constant_input(node, inputs.columns), input_block_)});
      components += planes.back().components;
    }
    if (components != first.mixing.shape[1]) return nullptr;
    first.height = planes[0].rows.pixels;
    first.width = planes[0].columns.pixels;
    if (first.output_height() < 1 || first.output_width() < 1) return nullptr;
    return Responses::of(first, planes);
  }

  void describe(const Call& call, Convolution& task, std::optional<Workspace>& bias,
                std::optional<Workspace>& slope) const {
    task.weights = weights_.get();
    task.input = ingest_->map(call);
    task.input_block = input_block_;
    task.output_block = output_block_;
    task.output = Map::of(output_shape(*weights_, task.input, output_block_, "the image"), y_group_,
                          output_block_, y_frequencies_, "y");
    task.output_at = layout_of(task.output, output_block_);
    task.frequencies = 2 * output_block_ - 1;
    if (is_truncated_) {
      task.frequencies = band_frequencies(call.input(In::kBand), task.output, output_block_);
    }
    check_places(task.output, output_block_, task.frequencies);
    task.epilogue.bias = bias_.of(call, weights_->outputs, bias);
    activation_.put(call, weights_->outputs, slope, task.epilogue);
    task.y = call.output_floats(Out::kY, task.output.shape());
  }

  QuantizedImages images_of(const Call& call) const {
    QuantizedImages images;
    images.quantization = call.input(In::kQuantization);
    for (size_t index = 0; index < planes_.size(); ++index) {
      const Tensor tables = call.input(planes_[index].tables);
      images.planes.at(index) = {call.input(planes_[index].quantized), tables.as<int64_t>()};
    }
    return images;
  }

  // Convolves up to kChoices images, each on the path that is faster for it.
  void convolve_some(const Call& call, const Convolution& task, const QuantizedImages& images,
                     int64_t first, int64_t count) const {
    std::array<bool, kChoices> is_sparse{};
    call.parallel(static_cast<size_t>(count), [&](size_t index) {
      const int64_t vectors = vectors_of(*responses_, task.output.groups(), images,
                                         first + static_cast<int64_t>(index));
      is_sparse.at(index) = vectors <= most_vectors_;
    });
    const auto begin = is_sparse.begin(), end = begin + count;
    // Consecutive images on the same path are computed together.
    for (auto from = begin, to = begin; from != end; from = to) {
      to = std::find(from, end, !*from);
      if (*from) {
        convolve_sparsely(call, task, *responses_, images, first + (from - begin), to - from);
      } else {
        convolve_densely(call, task, first + (from - begin), to - from);
      }
    }
  }

  // Computes the images, a few at a time, and their convolution.
  void convolve_densely(const Call& call, const Convolution& task, int64_t first,
                        int64_t count) const {
    const int64_t floats = task.input.channels * task.input.plane();
    const int64_t at_once = images_at_once(count, floats);
    Workspace workspace;
    float* image = workspace.floats(static_cast<size_t>(at_once * floats));
    for (int64_t done = 0; done < count; done += at_once) {
      Convolution part = task;
      part.input.batch = part.output.batch = std::min(at_once, count - done);
      ingest_->ingest(call, first + done, part.input.batch, image);
      part.x = image;
      part.y = task.y + (first + done) * task.output.image_floats();
      convolve(call, part);
    }
  }

  std::span<const PlaneInputs> planes_;
  bool is_truncated_;
  int output_block_, input_block_;
  int64_t y_group_, y_frequencies_;
  std::string method_;
  int64_t most_vectors_;
  std::unique_ptr<ImageIngest> ingest_;
  std::shared_ptr<const Weights> weights_;
  ChannelOperand bias_;
  ActivationOperands activation_;
  std::unique_ptr<Responses> responses_;
};

}  // namespace

std::unique_ptr<Kernel> make_ingest_conv(const Node& node) {
  return std::make_unique<IngestConvolve>(node);
}

}  // namespace jpegcompile
