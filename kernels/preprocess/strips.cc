#include "preprocess/strips.h"

#include <algorithm>
#include <cstddef>
#include <deque>
#include <limits>
#include <stdexcept>
#include <vector>

#include "preprocess/output.h"
#include "preprocess/steps.h"
#include "work/workspace.h"

namespace jpegcompile {
namespace {

// Floats in a cache line; parts of the scratch memory are multiples of it.
constexpr size_t kLine = 16;

size_t in_lines(size_t floats) { return (floats + kLine - 1) / kLine * kLine; }

// A ring of the rows of one component to which block rows are still being added.
class Sums {
 public:
  static size_t size(const ComponentPlan& plan) {
    return static_cast<size_t>(plan.ring) * plan.stride;
  }

  Sums(const ComponentPlan& plan, const Component& component, float* memory)
      : plan_(plan), memory_(memory), complete_(plan.rows->first_shown()), rows_(plan.ring) {
    const auto across = static_cast<size_t>(plan.columns->frequencies_per_block());
    for (size_t place = 0; place < quantization_.size(); ++place) {
      quantization_[place] = component.quantization[place / 16 * 8 + place % across];
    }
  }

  // Rows [0, complete) need no later block row.
  int64_t complete() const { return complete_; }
  const float* row(int64_t output) const { return place(output); }

  // Adds the block rows of an MCU row.
  void add(const BlockRows& from, int64_t mcu_row) {
    const auto& all = plan_.rows->rows();
    for (int64_t row = 0; row < plan_.rows_per_mcu; ++row) {
      const int64_t index = mcu_row * plan_.rows_per_mcu + row;
      if (index >= static_cast<int64_t>(all.size())) break;
      const VerticalOperator::BlockRow& block_row = all[static_cast<size_t>(index)];
      if (block_row.count > 0) add(block_row, from.blocks(plan_.index, static_cast<size_t>(row)));
      complete_ = block_row.complete;
    }
  }

 private:
  float* place(int64_t output) const {
    return memory_ + static_cast<size_t>(output & (plan_.ring - 1)) * plan_.stride;
  }

  void add(const VerticalOperator::BlockRow& block_row, const int16_t* blocks) {
    for (int64_t index = 0; index < block_row.count; ++index) {
      rows_[static_cast<size_t>(index)] = place(block_row.first + index);
    }
    const int64_t end = block_row.first + block_row.count;
    const int64_t first_block = plan_.columns->first_block();
    vertical_step({.blocks = blocks + first_block * block_coefficients,
                   .count = plan_.columns->last_block() - first_block,
                   .down = plan_.rows->frequencies_per_block(),
                   .across = plan_.columns->frequencies_per_block(),
                   .quantization = quantization_.data(),
                   .factors = plan_.rows->factors(block_row),
                   .rows = rows_.data(),
                   .row_count = block_row.count,
                   .old_rows = std::clamp<int64_t>(begun_ - block_row.first, 0, block_row.count)});
    begun_ = std::max(begun_, end);
  }

  const ComponentPlan& plan_;
  float* const memory_;
  int64_t complete_;
  int64_t begun_ = 0;  // rows [0, begun_) contain sums
  std::array<float, 128> quantization_;
  std::vector<float*> rows_;
};

// Converts complete rows of the components to rows of the output.
class Finish {
 public:
  static size_t size(const Plan& plan) {
    return plan.components.size() * kGroup * plan.stride + widest(plan);
  }

  Finish(const Plan& plan, const NetworkNumbers& network, const Output& output, float* memory)
      : plan_(plan), output_(output), zeros_(memory), rows_(zeros_ + widest(plan)) {
    std::fill_n(memory, widest(plan), 0.0F);
    step_.components = plan.components.size();
    step_.channels = network.channels;
    step_.stride = plan.stride;
    step_.mixing = plan.mixing.data();
    step_.width = plan.size.width;
    step_.block = network.block;
    for (size_t k = 0; k < step_.components; ++k) step_.component_rows[k] = component_rows(k);
  }

  // Converts rows [begin, begin + count), in the order of the file; at most a group.
  void hand_on(const std::vector<Sums>& sums, int64_t begin, int64_t count) {
    for (size_t k = 0; k < sums.size(); ++k) {
      HorizontalStep step{};
      step.axis = plan_.components[k].columns.get();
      for (int64_t index = 0; index < kGroup; ++index) {
        const int64_t row = stored_row(begin, count, index);
        const bool is_shown = index < count && plan_.shows_image(row);
        step.rows[static_cast<size_t>(index)] = is_shown ? sums[k].row(row) : zeros_;
        step.results[static_cast<size_t>(index)] =
            component_rows(k) + static_cast<size_t>(index) * plan_.stride;
      }
      horizontal_step(step);
    }
    for (int64_t index = 0; index < kGroup; ++index) {
      const bool is_shown = index < count && plan_.shows_image(stored_row(begin, count, index));
      step_.constants[static_cast<size_t>(index)] =
          plan_.constants.data() + (is_shown ? step_.channels * plan_.stride : 0);
    }
    const int64_t first = plan_.is_reversed() ? plan_.outputs() - begin - count : begin;
    output_.aim(step_, first, count);
    color_step(step_);
    output_.take(first, count);
  }

 private:
  // Floats of the longest row of sums.
  static size_t widest(const Plan& plan) {
    size_t size = 0;
    for (const ComponentPlan& component : plan.components) size = std::max(size, component.stride);
    return size;
  }

  float* component_rows(size_t k) const { return rows_ + k * kGroup * plan_.stride; }

  // Returns the row, in the order of the file, at an index of a group of the result.
  int64_t stored_row(int64_t begin, int64_t count, int64_t index) const {
    return plan_.is_reversed() ? begin + count - 1 - index : begin + index;
  }

  const Plan& plan_;
  const Output& output_;
  float* const zeros_;
  float* const rows_;  // [components][kGroup][stride]
  ColorStep step_{};
};

// The computation of one view.
class View {
 public:
  static size_t size(const Plan& plan, const NetworkNumbers& network) {
    size_t floats = in_lines(Output::scratch_size(plan, network)) + Finish::size(plan);
    for (const ComponentPlan& component : plan.components) floats += Sums::size(component);
    return floats;
  }

  // `memory` must have `size` floats.
  View(const Image& frame, const Plan& plan, const NetworkNumbers& network, float* memory,
       void* out)
      : plan_(plan),
        sums_(sums_of(frame, plan, memory)),
        output_(plan, network, memory + Finish::size(plan), out),
        finish_(plan, network, output_, memory) {
    hand_on();
  }

  // Adds an MCU row. MCU rows must be added in order; rows after the last needed one are ignored.
  void add(const BlockRows& rows, int64_t mcu_row) {
    if (mcu_row >= plan_.needed_rows) return;
    for (Sums& component : sums_) component.add(rows, mcu_row);
    hand_on();
  }

  void finish() const {
    if (handed_on_ != plan_.outputs()) throw std::logic_error("the file has too few block rows");
    output_.finish();
  }

 private:
  // Creates the sums in `memory`, and advances `memory` past them.
  static std::vector<Sums> sums_of(const Image& frame, const Plan& plan, float*& memory) {
    std::vector<Sums> sums;
    sums.reserve(plan.components.size());
    for (const ComponentPlan& component : plan.components) {
      sums.emplace_back(component, frame.components[component.index], memory);
      memory += Sums::size(component);
    }
    return sums;
  }

  void hand_on() {
    const int64_t complete =
        std::ranges::min_element(sums_, {}, &Sums::complete)->complete();
    for (const int64_t end = plan_.ready(complete); handed_on_ < end;) {
      const int64_t count = std::min<int64_t>(kGroup, end - handed_on_);
      finish_.hand_on(sums_, handed_on_, count);
      handed_on_ += count;
    }
  }

  const Plan& plan_;
  std::vector<Sums> sums_;
  const Output output_;
  Finish finish_;  // refers to the output
  int64_t handed_on_ = 0;
};

// Returns the range of blocks of a component's rows that any view depends on.
BlockRange needed_blocks(std::span<const Plan> plans, size_t index) {
  BlockRange needed;
  for (const Plan& plan : plans) {
    const auto component = std::ranges::find(plan.components, index, &ComponentPlan::index);
    if (component == plan.components.end()) continue;
    const auto first = static_cast<size_t>(component->columns->first_block());
    const auto end = static_cast<size_t>(component->columns->last_block());
    if (first == end) continue;
    const bool is_first = needed.first == needed.end;
    needed = {is_first ? first : std::min(needed.first, first), std::max(needed.end, end)};
  }
  return needed;
}

}  // namespace

void ingest(BlockRows& rows, std::span<const Plan> plans, const NetworkNumbers& network,
            void* out) {
  size_t floats = 0;
  int64_t first_row = std::numeric_limits<int64_t>::max(), needed_rows = 0;
  for (const Plan& plan : plans) {
    floats += View::size(plan, network);
    first_row = std::min(first_row, plan.first_row);
    needed_rows = std::max(needed_rows, plan.needed_rows);
  }
  Workspace workspace;
  float* memory = workspace.floats(floats);
  auto* to = static_cast<std::byte*>(out);
  std::deque<View> views;  // a deque, since views must not move
  for (const Plan& plan : plans) {
    views.emplace_back(rows.frame(), plan, network, memory, to);
    memory += View::size(plan, network);
    to += network.view_bytes();
  }
  for (size_t index = 0; index < rows.frame().components.size(); ++index) {
    rows.keep(index, needed_blocks(plans, index));
  }
  for (int64_t mcu_row = 0; mcu_row < needed_rows; ++mcu_row) {
    if (!(mcu_row < first_row ? rows.skip() : rows.next())) break;
    for (View& view : views) view.add(rows, mcu_row);
  }
  for (const View& view : views) view.finish();
}

size_t ingest_bytes(const Plan& plan, const NetworkNumbers& network) {
  return View::size(plan, network) * sizeof(float);
}

}  // namespace jpegcompile
