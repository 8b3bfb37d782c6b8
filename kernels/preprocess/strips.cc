#include "preprocess/strips.h"

#include <algorithm>
#include <stdexcept>

#include "preprocess/output.h"
#include "preprocess/steps.h"
#include "work/workspace.h"

namespace jpegcompile {
namespace {

// Floats that blocks of memory are multiples of: a cache line.
constexpr size_t kLine = 16;

size_t in_lines(size_t floats) { return (floats + kLine - 1) / kLine * kLine; }

// The sums of one component: rows that block rows are still being added to, in a ring.
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

  // Rows below need no later block row.
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
  int64_t begun_ = 0;  // rows below hold sums
  std::array<float, 128> quantization_;
  std::vector<float*> rows_;
};

// What the rows of the components become once they are complete.
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

  // Hands on the rows [begin, begin + count) of the order of the file, a group at most.
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

  // The row of the file's order that comes to stand at a place of a group of the result.
  int64_t stored_row(int64_t begin, int64_t count, int64_t index) const {
    return plan_.is_reversed() ? begin + count - 1 - index : begin + index;
  }

  const Plan& plan_;
  const Output& output_;
  float* const zeros_;
  float* const rows_;  // [components][kGroup][stride]
  ColorStep step_{};
};

// Lets those blocks go that nothing is taken of.
void keep_needed(BlockRows& rows, const Plan& plan) {
  for (size_t index = 0; index < rows.frame().components.size(); ++index) {
    const auto component = std::ranges::find(plan.components, index, &ComponentPlan::index);
    if (component == plan.components.end()) {
      rows.keep(index, {});
    } else {
      rows.keep(index, {static_cast<size_t>(component->columns->first_block()),
                        static_cast<size_t>(component->columns->last_block())});
    }
  }
}

}  // namespace

void ingest(BlockRows& rows, const Plan& plan, const NetworkNumbers& network, void* out) {
  size_t floats = in_lines(Output::scratch_size(plan, network)) + Finish::size(plan);
  for (const ComponentPlan& component : plan.components) floats += Sums::size(component);
  Workspace workspace;
  float* memory = workspace.floats(floats);
  std::vector<Sums> sums;
  sums.reserve(plan.components.size());
  for (const ComponentPlan& component : plan.components) {
    sums.emplace_back(component, rows.frame().components[component.index], memory);
    memory += Sums::size(component);
  }
  float* const finish_memory = memory;
  const Output output(plan, network, finish_memory + Finish::size(plan), out);
  Finish finish(plan, network, output, finish_memory);
  int64_t handed_on = 0;
  const auto hand_on = [&](int64_t complete) {
    for (const int64_t end = plan.ready(complete); handed_on < end;) {
      const int64_t count = std::min<int64_t>(kGroup, end - handed_on);
      finish.hand_on(sums, handed_on, count);
      handed_on += count;
    }
  };
  const auto least_complete = [&sums] {
    return std::ranges::min_element(sums, {}, &Sums::complete)->complete();
  };
  hand_on(least_complete());
  keep_needed(rows, plan);
  for (int64_t mcu_row = 0; mcu_row < plan.needed_rows; ++mcu_row) {
    if (!(mcu_row < plan.first_row ? rows.skip() : rows.next())) break;
    for (Sums& component : sums) component.add(rows, mcu_row);
    hand_on(least_complete());
  }
  if (handed_on != plan.outputs()) throw std::logic_error("rows of blocks are missing");
  output.finish();
}

}  // namespace jpegcompile
