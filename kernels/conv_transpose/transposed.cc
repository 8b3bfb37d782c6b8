#include "conv_transpose/transposed.h"

#include <algorithm>
#include <string>
#include <utility>

#include "conv/parameters.h"

namespace jpegcompile {
namespace {

// Larger than any map, as for convolutions.
constexpr int64_t kMax = int64_t{1} << 20;

// Packs the weights of one pair of phases and one output group. `weight` is [C, M / group, kh, kw].
// The result is zero where the output group does not read the input.
void pack_phase(const float* weight, const TransposedWeights& all, const Phase& y, const Phase& x,
                int64_t output_group, float* packed) {
  const int64_t groups = all.shape.window.group;
  const int64_t inputs = all.shape.inputs / groups, outputs = all.shape.outputs / groups;
  const Taps& reads = all.reads[static_cast<size_t>(output_group)];
  const auto taps = static_cast<int64_t>(y.taps.size() * x.taps.size());
  std::fill_n(packed, reads.input_groups * taps * kLanes * kLanes, 0.0F);
  const int64_t end = std::min((output_group + 1) * kLanes, all.shape.outputs);
  for (int64_t output = output_group * kLanes; output < end; ++output) {
    for (int64_t input = 0; input < inputs; ++input) {
      const int64_t given = output / outputs * inputs + input;
      const int64_t channel = given - reads.first_input_group * kLanes;
      const float* kernel =
          weight + (given * outputs + output % outputs) * all.geometry.y.kernel *
                       all.geometry.x.kernel;
      int64_t segment = channel / kLanes * taps;
      for (const TransposedTap& row : y.taps) {
        for (const TransposedTap& column : x.taps) {
          packed[(segment * kLanes + channel % kLanes) * kLanes + output % kLanes] =
              kernel[row.place * all.geometry.x.kernel + column.place];
          ++segment;
        }
      }
    }
  }
}

}  // namespace

void TransposedAxis::put_kernel(int64_t taps) {
  kernel = taps;
  phases.clear();
  for (int64_t place = 0; place < taps; ++place) {
    const int64_t phase = place * dilation % stride;
    auto found = std::ranges::find(phases, phase, &Phase::phase);
    if (found == phases.end()) found = phases.insert(found, Phase{phase, {}});
    found->taps.push_back({place, place * dilation / stride});
  }
}

int64_t TransposedAxis::outputs(int64_t inputs) const {
  return (inputs - 1) * stride + (kernel - 1) * dilation + 1 + output_padding - pad_begin - pad_end;
}

int64_t TransposedAxis::zeros_before() const {
  return std::max<int64_t>(0, (kernel - 1) * dilation / stride - pad_begin / stride);
}

int64_t TransposedAxis::zeros_behind() const {
  return std::max<int64_t>(0, (kernel - 1) * dilation + output_padding - pad_end) / stride;
}

const float* TransposedWeights::of(size_t phase_y, size_t phase_x, int64_t output_group) const {
  const size_t pair = phase_y * geometry.x.phases.size() + phase_x;
  return packed.data() + begins[pair * reads.size() + static_cast<size_t>(output_group)];
}

TransposedGeometry transposed_geometry(const Node& node) {
  const Window window = window_of(node);
  const auto spare = node.integers("output_padding");
  const auto is_valid = [](int64_t value) { return value >= 0 && value <= kMax; };
  if (spare.size() != 2 || !std::ranges::all_of(spare, is_valid)) {
    throw KernelError("output_padding must have 2 values from 0 to " + std::to_string(kMax));
  }
  return {{window.stride_y, window.top, window.bottom, window.dilation_y, spare[0]},
          {window.stride_x, window.left, window.right, window.dilation_x, spare[1]},
          window.group};
}

Window TransposedGeometry::window() const {
  return {y.kernel,  x.kernel,    y.stride,   x.stride,   y.pad_begin, x.pad_begin,
          y.pad_end, x.pad_end, y.dilation, x.dilation, group};
}

TransposedWeights described_transposed(const Tensor& weight, const TransposedGeometry& geometry) {
  const Map extents = Map::of(weight.shape, 1, "weight");
  if (extents.is_empty()) {
    throw KernelError("weights of shape " + weight.shape.text() + " have no elements");
  }
  if (geometry.group < 1 || weight.shape[0] % geometry.group != 0) {
    throw KernelError("weights of shape " + weight.shape.text() + " do not divide into " +
                      std::to_string(geometry.group) + " groups");
  }
  TransposedWeights made;
  made.geometry = geometry;
  TransposedAxis &down = made.geometry.y, &across = made.geometry.x;
  down.put_kernel(weight.shape[2]);
  across.put_kernel(weight.shape[3]);
  made.shape.inputs = weight.shape[0];
  made.shape.outputs = weight.shape[1] * geometry.group;
  Window& window = made.shape.window;
  window.group = geometry.group;
  window.top = down.zeros_before(), window.bottom = down.zeros_behind();
  window.left = across.zeros_before(), window.right = across.zeros_behind();
  return made;
}

TransposedWeights pack_transposed(const Tensor& weight, const TransposedGeometry& geometry) {
  TransposedWeights made = described_transposed(weight, geometry);
  const TransposedAxis &down = made.geometry.y, &across = made.geometry.x;
  const int64_t groups = made.shape.output_groups();
  for (int64_t group = 0; group < groups; ++group) {
    made.reads.push_back(taps_of(made.shape, group));
  }
  size_t total = 0;
  for (const Phase& y : down.phases) {
    for (const Phase& x : across.phases) {
      for (const Taps& reads : made.reads) {
        made.begins.push_back(total);
        total += static_cast<size_t>(reads.input_groups * kLanes * kLanes) * y.taps.size() *
                 x.taps.size();
      }
    }
  }
  float* packed = made.packed.floats(total);
  size_t number = 0;
  for (const Phase& y : down.phases) {
    for (const Phase& x : across.phases) {
      for (int64_t group = 0; group < groups; ++group) {
        pack_phase(weight.floats(), made, y, x, group, packed + made.begins[number++]);
      }
    }
  }
  return made;
}

Shape transposed_shape(const TransposedWeights& weights, const Map& input, int output_block) {
  const auto given = [&] { return "x of shape " + input.shape().text(); };
  const int64_t height = weights.geometry.y.outputs(input.height);
  const int64_t width = weights.geometry.x.outputs(input.width);
  if (input.channels != weights.shape.inputs) {
    throw KernelError("x has shape " + input.shape().text() + ", but the weights are for " +
                      std::to_string(weights.shape.inputs) + " channels");
  }
  if (input.height < 1 || input.width < 1 || height < 1 || width < 1) {
    throw KernelError("the pads leave no output for " + given());
  }
  if (height % output_block != 0 || width % output_block != 0) {
    throw KernelError("the output of " + given() + " does not consist of whole blocks of " +
                      std::to_string(output_block));
  }
  return {input.batch, weights.shape.outputs, height, width};
}

}  // namespace jpegcompile
