#include "preprocess/plan.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "preprocess/resampling/filters.h"
#include "preprocess/steps.h"

namespace jpegcompile {
namespace {

int64_t ceil_div(int64_t dividend, int64_t divisor) { return (dividend + divisor - 1) / divisor; }

struct Factors {
  int64_t vertical = 1, horizontal = 1;

  bool operator==(const Factors&) const = default;
};

Factors sampling_of(const Component& component) {
  return {component.vertical_factor, component.horizontal_factor};
}

Factors most_sampling(const Image& frame) {
  Factors most;
  for (const Component& component : frame.components) {
    most.vertical = std::max<int64_t>(most.vertical, component.vertical_factor);
    most.horizontal = std::max<int64_t>(most.horizontal, component.horizontal_factor);
  }
  return most;
}

// Only the integer decode supports different sampling factors of Cb and Cr.
void check_chroma(const Image& frame) {
  if (frame.color_space == ColorSpace::ycbcr &&
      sampling_of(frame.components[1]) != sampling_of(frame.components[2])) {
    throw FrameRefused();
  }
}

// How a component is upsampled to the resolution of the image; see jpegcompile/dct/upsampling.py.
struct Upsampling {
  Factors true_size, factors;
  bool is_triangle;
};

Upsampling upsampling_of(const Image& frame, const Component& component) {
  const Factors most = most_sampling(frame), own = sampling_of(component);
  const Factors true_size{ceil_div(frame.height * own.vertical, most.vertical),
                          ceil_div(frame.width * own.horizontal, most.horizontal)};
  const Factors factors{most.vertical / own.vertical, most.horizontal / own.horizontal};
  const bool is_narrow = factors.horizontal == 2 && true_size.horizontal <= 2;
  const bool has_triangle = factors == Factors{1, 2} || factors == Factors{2, 2} ||
                            factors == Factors{2, 1};
  return {true_size, factors, has_triangle && !is_narrow};
}

ComponentPlan plan_component(const Image& frame, size_t index, const Placement& placement,
                             const NetworkNumbers& network, Operators& operators,
                             int64_t frequencies) {
  const Upsampling upsampling = upsampling_of(frame, frame.components[index]);
  const auto& [true_size, factors, is_triangle] = upsampling;
  // Columns of a transposed result come from stored rows.
  const AxisPlacement& down = placement.is_transposed ? placement.columns : placement.rows;
  const AxisPlacement& across = placement.is_transposed ? placement.rows : placement.columns;
  ComponentPlan plan;
  plan.index = index;
  plan.rows = operators.rows({down, true_size.vertical, factors.vertical,
                              is_triangle && factors.vertical == 2, 1});
  plan.columns = operators.columns({across, true_size.horizontal, factors.horizontal,
                                    is_triangle && factors.horizontal == 2, network.block,
                                    frequencies});
  // If a file has only one component, its MCUs are single blocks (T.81, A.2.2).
  plan.rows_per_mcu = frame.components.size() == 1 ? 1 : frame.components[index].vertical_factor;
  // Rows consist of whole cache lines. An odd number of lines from row to row maps rows to
  // different cache sets.
  const int64_t blocks = plan.columns->last_block() - plan.columns->first_block();
  const int64_t numbers = plan.columns->frequencies_per_block() * blocks;
  const int64_t lines = std::max<int64_t>(1, ceil_div(numbers, 16));
  plan.stride = static_cast<size_t>(16 * (lines | 1));
  return plan;
}

// Simulates a pass over the file to determine how many rows of sums each component needs at once.
void size_rings(Plan& plan) {
  int64_t handed_on = 0;
  std::vector<int64_t> complete(plan.components.size()), held(plan.components.size(), 1);
  for (size_t k = 0; k < complete.size(); ++k) {
    complete[k] = plan.components[k].rows->first_shown();
  }
  handed_on = plan.ready(*std::ranges::min_element(complete));
  for (int64_t mcu_row = 0; mcu_row < plan.needed_rows; ++mcu_row) {
    for (size_t k = 0; k < complete.size(); ++k) {
      const ComponentPlan& component = plan.components[k];
      const auto& rows = component.rows->rows();
      const int64_t first = mcu_row * component.rows_per_mcu;
      for (int64_t row = first; row < first + component.rows_per_mcu; ++row) {
        if (row >= static_cast<int64_t>(rows.size())) break;
        const auto& block_row = rows[static_cast<size_t>(row)];
        held[k] = std::max(held[k], block_row.first + block_row.count - handed_on);
        complete[k] = block_row.complete;
      }
    }
    handed_on = plan.ready(*std::ranges::min_element(complete));
  }
  for (size_t k = 0; k < held.size(); ++k) {
    plan.components[k].ring =
        static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(held[k])));
  }
}

void set_constants(Plan& plan, const NetworkNumbers& network) {
  const HorizontalOperator& columns = *plan.components.front().columns;
  plan.constants.assign(2 * network.channels * plan.stride, 0.0F);
  float* const fill_rows = plan.constants.data();
  float* const image_rows = fill_rows + network.channels * plan.stride;
  for (size_t channel = 0; channel < network.channels; ++channel) {
    const double scale = network.scale[channel], fill = network.fill[channel];
    const double base = fill * scale + network.shift[channel], level = (128.0 - fill) * scale;
    for (size_t column = 0; column < columns.ones().size(); ++column) {
      const size_t place = channel * plan.stride + column;
      const double filled = base * columns.ones()[column];
      fill_rows[place] = static_cast<float>(filled);
      image_rows[place] = static_cast<float>(filled + level * columns.level()[column]);
    }
  }
}

// Returns the components that channels depend on. There is at least one, since the geometry of the
// result is that of a component.
std::vector<size_t> used_components(const Image& frame, const NetworkNumbers& network,
                                    const std::vector<double>& mixing) {
  const size_t count = frame.components.size();
  std::vector<size_t> used;
  for (size_t index = 0; index < count; ++index) {
    for (size_t channel = 0; channel < network.channels; ++channel) {
      if (mixing[channel * count + index] == 0.0) continue;
      used.push_back(index);
      break;
    }
  }
  if (used.empty()) used.push_back(0);
  return used;
}

}  // namespace

std::shared_ptr<const AxisTaps> Operators::taps(const AxisPlacement& axis) {
  return taps_.get(axis, [&] { return taps_of(axis); });
}

std::shared_ptr<const VerticalOperator> Operators::rows(const AxisKey& key) {
  return rows_.get(key, [&] { return VerticalOperator(key, *taps(key.placement)); });
}

std::shared_ptr<const HorizontalOperator> Operators::columns(const AxisKey& key) {
  return columns_.get(key, [&] { return HorizontalOperator(key, *taps(key.placement)); });
}

ResultShape::ResultShape(Size size, bool is_transposed)
    : size(is_transposed ? Size{size.width, size.height} : size),
      is_transposed(is_transposed),
      stride(static_cast<size_t>(16 * (ceil_div(this->size.width, 16) | 1))) {}

int64_t Plan::ready(int64_t complete) const {
  return complete == outputs() ? complete : complete / kGroup * kGroup;
}

// Like jpegcompile.runtime.input_tensors.check_decodable, which has the error message.
void check_factors(const Image& frame) {
  const Factors most = most_sampling(frame);
  for (const Component& component : frame.components) {
    const Factors own = sampling_of(component);
    if (most.vertical % own.vertical != 0 || most.horizontal % own.horizontal != 0) {
      throw FrameRefused();
    }
  }
}

Placement placement_of(const Image& frame, const Geometry& view, Size network) {
  check_factors(frame);
  const Size image{frame.height, frame.width};
  const auto placement = place(view, image, frame.orientation, network);
  if (!placement.has_value()) throw FrameRefused();
  return *placement;
}

Plan make_plan(const Image& frame, const Placement& placement, const NetworkNumbers& network,
               Operators& operators, const Plan* whole) {
  check_chroma(frame);
  Plan plan;
  static_cast<ResultShape&>(plan) = ResultShape(network.size, placement.is_transposed);
  const auto& mixing = network.mixing[static_cast<size_t>(frame.color_space)];
  for (const size_t index : used_components(frame, network, mixing)) {
    const int64_t frequencies =
        whole == nullptr
            ? 0
            : whole->components[plan.components.size()].columns->frequencies_per_block();
    plan.components.push_back(
        plan_component(frame, index, placement, network, operators, frequencies));
  }
  for (size_t channel = 0; channel < network.channels; ++channel) {
    for (const ComponentPlan& component : plan.components) {
      const size_t place = channel * frame.components.size() + component.index;
      plan.mixing.push_back(static_cast<float>(mixing[place]));
    }
  }
  plan.first_row = std::numeric_limits<int64_t>::max();
  for (const ComponentPlan& component : plan.components) {
    const int64_t rows = component.rows_per_mcu;
    plan.first_row = std::min(plan.first_row, component.rows->first_row() / rows);
    plan.needed_rows = std::max(plan.needed_rows, (component.rows->last_row() + rows) / rows);
  }
  set_constants(plan, network);
  size_rings(plan);
  return plan;
}

}  // namespace jpegcompile
