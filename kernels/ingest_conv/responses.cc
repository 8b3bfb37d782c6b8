#include "ingest_conv/responses.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

namespace jpegcompile {
namespace {

int64_t floor_div(int64_t dividend, int64_t divisor) {
  const int64_t quotient = dividend / divisor;
  return quotient - (dividend % divisor < 0 ? 1 : 0);
}

// The window of a convolution along one axis: output o reads pixels stride * o + tap * dilation -
// pad.
struct AxisWindow {
  int64_t taps, stride, dilation, pad;
};

AxisWindow down_of(const Window& window) {
  return {window.kernel_height, window.stride_y, window.dilation_y, window.top};
}

AxisWindow across_of(const Window& window) {
  return {window.kernel_width, window.stride_x, window.dilation_x, window.left};
}

std::optional<Reach> reach_of(const AxisModes& axis, const AxisWindow& window) {
  if (axis.blocks > 1 && axis.pitch % window.stride != 0) return std::nullopt;
  const int64_t extent = (window.taps - 1) * window.dilation;
  const int64_t first =
      floor_div(axis.first + window.pad - extent + window.stride - 1, window.stride);
  const int64_t last = floor_div(axis.first + axis.width - 1 + window.pad, window.stride);
  const int64_t step = std::max<int64_t>(axis.pitch / window.stride, 1);
  return Reach{first, std::max<int64_t>(last - first + 1, 0), step};
}

// The value of a mode's function at the pixel that a tap of an output reads; 0 outside the
// function.
double seen(const AxisModes& axis, int64_t mode, const AxisWindow& window, int64_t output,
            int64_t tap) {
  const int64_t pixel =
      output * window.stride + tap * window.dilation - window.pad - axis.first;
  if (pixel < 0 || pixel >= axis.width) return 0;
  return axis.functions[static_cast<size_t>(mode)][static_cast<size_t>(pixel)];
}

// The kernel of one output group with the channels of the image mixed: sums over channels of W(o,
// channel, tap) * factor(channel), [taps][16].
std::vector<double> mixed(const FirstConvolution& convolution, int64_t group,
                          const std::vector<double>& factors) {
  const Shape& shape = convolution.weight.shape;
  const int64_t taps = shape[2] * shape[3];
  std::vector<double> result(static_cast<size_t>(taps * kLanes), 0.0);
  for (int64_t lane = 0; lane < kLanes && group * kLanes + lane < shape[0]; ++lane) {
    for (int64_t channel = 0; channel < shape[1]; ++channel) {
      const float* from = convolution.weight.floats() +
                          ((group * kLanes + lane) * shape[1] + channel) * taps;
      for (int64_t tap = 0; tap < taps; ++tap) {
        result[static_cast<size_t>(tap * kLanes + lane)] +=
            factors[static_cast<size_t>(channel)] * from[tap];
      }
    }
  }
  return result;
}

// to[16] += from[16] * factor
void add(double* to, const double* from, double factor) {
  for (int lane = 0; lane < kLanes; ++lane) to[lane] += from[lane] * factor;
}

// Applies a kernel to one function of rows: [columns of the kernel][16] of one output row.
std::vector<double> under_rows(const std::vector<double>& kernel, const Layer& layer, int64_t mode,
                               const Window& window, int64_t row) {
  const AxisWindow down = down_of(window);
  std::vector<double> result(static_cast<size_t>(window.kernel_width * kLanes), 0.0);
  for (int64_t y = 0; y < down.taps; ++y) {
    const double factor = seen(layer.rows, mode, down, layer.down.first + row, y);
    if (factor == 0) continue;
    for (int64_t x = 0; x < window.kernel_width; ++x) {
      add(result.data() + x * kLanes, kernel.data() + (y * window.kernel_width + x) * kLanes,
          factor);
    }
  }
  return result;
}

// Writes one row of the patches of all functions of columns, for one group.
void put_row(const std::vector<double>& kernel_row, const Layer& layer, const Window& window,
             float* to) {
  const AxisWindow across = across_of(window);
  for (int64_t mode = 0; mode < layer.columns.modes(); ++mode, to += layer.patch_floats()) {
    for (int64_t column = 0; column < layer.across.count; ++column) {
      double sums[kLanes] = {};
      for (int64_t x = 0; x < across.taps; ++x) {
        const double factor = seen(layer.columns, mode, across, layer.across.first + column, x);
        if (factor != 0) add(sums, kernel_row.data() + x * kLanes, factor);
      }
      std::transform(sums, sums + kLanes, to + column * kLanes,
                     [](double v) { return static_cast<float>(v); });
    }
  }
}

std::vector<double> factors_of(const Tensor& mixing, int64_t component) {
  std::vector<double> factors;
  for (int64_t channel = 0; channel < mixing.shape[0]; ++channel) {
    factors.push_back(mixing.floats()[channel * mixing.shape[1] + component]);
  }
  return factors;
}

void make_table(const FirstConvolution& convolution, int64_t first_component, Layer& layer) {
  const int64_t groups = convolution.groups();
  const int64_t floats = layer.table_floats(groups);
  float* table = layer.storage.floats(static_cast<size_t>(floats));
  std::fill_n(table, floats, 0.0F);
  layer.table = table;
  for (int64_t group = 0; group < groups; ++group) {
    for (int64_t component = 0; component < layer.components; ++component) {
      const auto factors = factors_of(convolution.mixing, first_component + component);
      const auto kernel = mixed(convolution, group, factors);
      for (int64_t mode = 0; mode < layer.rows.modes(); ++mode) {
        const int64_t index = component * layer.component_modes() + mode * layer.columns.modes();
        for (int64_t row = 0; row < layer.down.count; ++row) {
          put_row(under_rows(kernel, layer, mode, convolution.window, row), layer,
                  convolution.window,
                  table + (layer.row_of(group, row) - layer.table) +
                      index * layer.patch_floats() +
                      group % kTableGroups * layer.across.count * kLanes);
        }
      }
    }
  }
}

// Taps [first, last) of an output that are inside the image.
std::pair<int64_t, int64_t> taps_inside(const AxisWindow& window, int64_t output, int64_t size) {
  const int64_t origin = output * window.stride - window.pad;
  const int64_t first = std::clamp<int64_t>(
      floor_div(-origin + window.dilation - 1, window.dilation), 0, window.taps);
  const int64_t last =
      std::clamp<int64_t>(floor_div(size - 1 - origin, window.dilation) + 1, first, window.taps);
  return {first, last};
}

}  // namespace

std::unique_ptr<Responses> Responses::of(const FirstConvolution& convolution,
                                         const std::vector<PlaneMatrices>& planes) {
  auto made = std::make_unique<Responses>();
  int64_t floats = 0;
  for (const PlaneMatrices& plane : planes) {
    Layer& layer = made->layers_.emplace_back();
    std::optional<AxisModes> rows = AxisModes::of(plane.rows);
    std::optional<AxisModes> columns = AxisModes::of(plane.columns);
    if (!rows || !columns) return nullptr;
    const std::optional<Reach> down = reach_of(*rows, down_of(convolution.window));
    const std::optional<Reach> across = reach_of(*columns, across_of(convolution.window));
    if (!down || !across) return nullptr;
    layer.components = plane.components;
    layer.rows = std::move(*rows);
    layer.columns = std::move(*columns);
    layer.down = *down;
    layer.across = *across;
    floats += layer.table_floats(convolution.groups());
  }
  if (floats > kMaxTableFloats) return nullptr;
  int64_t component = 0;
  for (Layer& layer : made->layers_) {
    make_table(convolution, component, layer);
    component += layer.components;
  }
  made->make_base(convolution);
  return made;
}

void Responses::make_base(const FirstConvolution& convolution) {
  const Window& window = convolution.window;
  const AxisWindow down = down_of(window), across = across_of(window);
  const float* offset = convolution.offset.floats();
  const std::vector<double> offsets(offset, offset + convolution.offset.shape.elements());
  groups_ = convolution.groups();
  base_pitch_ = convolution.output_width() * kLanes;
  std::vector<std::vector<double>> kernels;
  for (int64_t group = 0; group < groups_; ++group) {
    kernels.push_back(mixed(convolution, group, offsets));
  }
  std::map<std::pair<int64_t, int64_t>, int64_t> classes;
  for (int64_t row = 0; row < convolution.output_height(); ++row) {
    const auto [top, bottom] = taps_inside(down, row, convolution.height);
    const auto [known, is_new] =
        classes.emplace(std::pair{top, bottom}, static_cast<int64_t>(classes.size()));
    class_of_row_.push_back(known->second);
    if (!is_new) continue;
    for (const auto& kernel : kernels) {
      for (int64_t column = 0; column < convolution.output_width(); ++column) {
        const auto [left, right] = taps_inside(across, column, convolution.width);
        double sums[kLanes] = {};
        for (int64_t y = top; y < bottom; ++y) {
          for (int64_t x = left; x < right; ++x) {
            add(sums, kernel.data() + (y * window.kernel_width + x) * kLanes, 1.0);
          }
        }
        for (const double sum : sums) base_.push_back(static_cast<float>(sum));
      }
    }
  }
}

}  // namespace jpegcompile
