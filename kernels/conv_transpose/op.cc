// JpegConvTranspose: inverse transform, transposed convolution, bias, transform.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "conv/convolution.h"
#include "conv/gemm.h"
#include "conv/parameters.h"
#include "conv_transpose/transposed.h"
#include "generated/makers.h"
#include "work/strips.h"
#include "work/workspace.h"

namespace jpegcompile {
namespace {

// Pixels whose sums, of two groups, stay in a core's own cache until they are transformed.
constexpr int64_t kNearPixels = 256;

// The outputs of one phase in a range along an axis: the first of them, their number, and the input
// at which their sums begin.
struct PhaseRange {
  int64_t first, count, input;

  static PhaseRange of(const TransposedAxis& axis, int64_t phase, int64_t begin, int64_t size) {
    const int64_t at = (begin + axis.pad_begin) % axis.stride;
    const int64_t skipped = (phase - at + axis.stride) % axis.stride;
    const int64_t first = begin + skipped;
    const int64_t count = skipped < size ? ceil_div(size - skipped, axis.stride) : 0;
    return {first, count, (first + axis.pad_begin) / axis.stride};
  }
};

// The work of one call.
struct Task {
  const TransposedWeights& weights;
  const Convolution& finish;  // maps, bias and epilogue
  const Pixels& pixels;
};

// Lists the offsets of the segments of a pair of phases, from the input pixel that belongs to an
// output.
void list_offsets(const Task& task, const Taps& reads, const Phase& y, const Phase& x,
                  std::vector<int64_t>& offsets) {
  offsets.clear();
  for (int64_t group = 0; group < reads.input_groups; ++group) {
    const int64_t plane = (reads.first_input_group + group) * task.pixels.height;
    for (const TransposedTap& row : y.taps) {
      for (const TransposedTap& column : x.taps) {
        offsets.push_back(((plane - row.back) * task.pixels.width - column.back) * kLanes);
      }
    }
  }
}

// Writes sums to every `stride`th column.
void spread(const float* from, int64_t count, int64_t stride, float* to) {
  for (int64_t column = 0; column < count; ++column, from += kLanes, to += stride * kLanes) {
    std::copy_n(from, kLanes, to);
  }
}

// Computes the sums of some output groups over an area, [groups][rows][columns][16].
void sum_area(const Task& task, const float* image, const Area& area, int64_t group, int64_t groups,
              float* sums) {
  thread_local std::vector<int64_t> offsets;
  const TransposedWeights& weights = task.weights;
  const TransposedAxis &down = weights.geometry.y, &across = weights.geometry.x;
  const Window& zeros = weights.shape.window;
  const int64_t floats = area.rows * area.columns * kLanes;
  if (down.has_gaps() || across.has_gaps()) std::fill_n(sums, groups * floats, 0.0F);
  float* row_sums = task_floats(1, static_cast<size_t>(groups * area.columns * kLanes));
  Gemm gemm{};
  gemm.depth = gemm.row_stride = kLanes;
  gemm.groups = groups;
  for (size_t phase_y = 0; phase_y < down.phases.size(); ++phase_y) {
    for (size_t phase_x = 0; phase_x < across.phases.size(); ++phase_x) {
      const Phase &y = down.phases[phase_y], &x = across.phases[phase_x];
      const auto rows = PhaseRange::of(down, y.phase, area.row, area.rows);
      const auto columns = PhaseRange::of(across, x.phase, area.column, area.columns);
      list_offsets(task, weights.reads[static_cast<size_t>(group)], y, x, offsets);
      gemm.offsets = offsets.data();
      gemm.segments = static_cast<int64_t>(offsets.size());
      gemm.weights = weights.of(phase_y, phase_x, group);
      gemm.rows = columns.count;
      const bool is_dense = across.stride == 1;
      gemm.output_group = is_dense ? floats : columns.count * kLanes;
      for (int64_t row = 0; row < rows.count && columns.count > 0; ++row) {
        const int64_t line = rows.first - area.row + row * down.stride;
        float* target = sums + (line * area.columns + columns.first - area.column) * kLanes;
        gemm.input = image + ((rows.input + row + zeros.top) * task.pixels.width + columns.input +
                              zeros.left) * kLanes;
        gemm.output = is_dense ? target : row_sums;
        multiply(gemm);
        for (int64_t part = 0; part < groups && !is_dense; ++part) {
          spread(row_sums + part * gemm.output_group, columns.count, across.stride,
                 target + part * floats);
        }
      }
    }
  }
}

// Computes rows of blocks of one image for some output groups.
void transpose_strip(const Task& task, const float* image, const Area& strip, int64_t group,
                     int64_t groups) {
  const int64_t block = task.finish.output_block;
  // NCHW maps are written in whole rows.
  const int64_t near = std::max<int64_t>(kNearPixels / strip.rows / block, 1) * block;
  const int64_t width = task.finish.output.is_grouped ? std::min(near, strip.columns)
                                                        : strip.columns;
  for (int64_t column = 0; column < strip.columns; column += width) {
    const Area area{strip.image, strip.row, strip.rows, column,
                    std::min(width, strip.columns - column)};
    const int64_t floats = area.rows * area.columns * kLanes;
    float* sums = task_floats(0, static_cast<size_t>(groups * floats));
    sum_area(task, image, area, group, groups, sums);
    for (int64_t part = 0; part < groups; ++part) {
      finish_area(task.finish, area, group + part, sums + part * floats);
    }
  }
}

void convolve_transposed(const Call& call, const TransposedWeights& weights,
                         const Convolution& finish) {
  const int64_t floats = pixel_floats(finish, true);
  const int64_t images = images_at_once(finish.input.batch, floats);
  Workspace workspace;
  float* scratch = workspace.floats(static_cast<size_t>(images * floats));
  // In a grouped convolution every output group reads other inputs, so groups are computed one at a
  // time.
  const int64_t groups = finish.output.groups(), step = weights.shape.window.group == 1 ? 2 : 1;
  const int64_t chunks = ceil_div(groups, step);
  const int64_t strips = finish.output.height / finish.output_block;
  const int64_t parameters = weights.shape.inputs * weights.shape.outputs /
                             weights.shape.window.group * weights.geometry.y.kernel *
                             weights.geometry.x.kernel;
  for (int64_t first = 0; first < finish.input.batch; first += images) {
    const int64_t count = std::min(images, finish.input.batch - first);
    // The larger of weights and pixels is read only once.
    const bool by_rows = parameters <= count * finish.input.channels * finish.input.plane();
    const Reading reading = Reading::of(finish, first, count, true,
                                        by_rows ? Order::kRows : Order::kChannels, scratch);
    const Task task{weights, finish, reading.pixels};
    const auto convolve = [&](size_t item) {
      const auto number = static_cast<int64_t>(item);
      const int64_t all = count * strips;
      const int64_t strip = by_rows ? number / chunks : number % all;
      const int64_t group = (by_rows ? number % chunks : number / all) * step;
      const int64_t image = strip / strips;
      const Area area{first + image, strip % strips * finish.output_block, finish.output_block, 0,
                      finish.output.width};
      transpose_strip(task,
                      reading.pixels.data +
                          image * finish.input.groups() * reading.pixels.group_floats(),
                      area, group, std::min(step, groups - group));
    };
    call.in_turn(Stage{reading.count, reading},
                 Stage{static_cast<size_t>(count * strips * chunks), convolve});
  }
}

class ConvTranspose : public Kernel {
 public:
  explicit ConvTranspose(const Node& node)
      : geometry_(transposed_geometry(node)),
        input_block_(node.block("input_block")),
        output_block_(node.block("output_block")),
        x_group_(node.group(In::kX)),
        y_group_(node.group(Out::kY)),
        x_frequencies_(node.frequencies(In::kX)),
        weights_(packed(node.constant(In::kWeight))),
        bias_(node, In::kBias, weights_ ? weights_->shape.outputs : 0) {}

  void compute(const Call& call) const override {
    // Weights that the graph computes are packed at every call.
    std::optional<TransposedWeights> computed;
    if (!weights_) computed = packed(std::optional(call.input(In::kWeight)));
    const TransposedWeights& weights = weights_ ? *weights_ : *computed;
    std::optional<Workspace> bias;

    Convolution task{};
    task.weights = &weights.shape;
    const Tensor x = call.input(In::kX);
    task.input = Map::of(x.shape, x_group_, input_block_, x_frequencies_, "x");
    check_tiles(task.input, input_block_, "x");
    task.output = Map::of(transposed_shape(weights, task.input, output_block_), y_group_, "y");
    task.output_at = layout_of(task.output, output_block_);
    task.input_block = input_block_;
    task.output_block = output_block_;
    task.frequencies = 2 * output_block_ - 1;
    task.x = x.floats();
    task.epilogue.bias = bias_.of(call, weights.shape.outputs, bias);
    task.y = call.output_floats(Out::kY, task.output.shape());
    if (task.input.batch > 0) convolve_transposed(call, weights, task);
  }

 private:
  std::optional<TransposedWeights> packed(const std::optional<Tensor>& weight) const {
    if (!weight) return std::nullopt;
    return pack_transposed(*weight, geometry_);
  }

  TransposedGeometry geometry_;
  int input_block_, output_block_;
  int64_t x_group_, y_group_, x_frequencies_;
  std::optional<TransposedWeights> weights_;
  ChannelOperand bias_;
};

}  // namespace

std::unique_ptr<Kernel> make_conv_transpose(const Node& node) {
  return std::make_unique<ConvTranspose>(node);
}

}  // namespace jpegcompile
