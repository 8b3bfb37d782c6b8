// What convolutions share: how much is done at once, and putting finished rows into the output.
#include <algorithm>

#include "../native/workspace.h"
#include "convolution.h"

namespace jpegcompile {
namespace {

constexpr int64_t kScratchFloats = int64_t{2} << 20;

}  // namespace

int64_t images_at_once(int64_t batch, int64_t floats_each) {
  if (floats_each == 0) return std::max<int64_t>(batch, 1);
  return std::clamp<int64_t>(kScratchFloats / floats_each, 1, std::max<int64_t>(batch, 1));
}

Epilogue Convolution::epilogue_of(int64_t group) const {
  Epilogue result = epilogue;
  result.bias += group * kLanes;
  if (result.slope != nullptr) result.slope += group * kLanes;
  return result;
}

bool Convolution::is_elementwise() const {
  return output_block == 1 && output.is_grouped && (residual == nullptr || residual_map.is_grouped);
}

void finish_area(const Convolution& task, const Area& area, int64_t group, const float* sums) {
  const bool is_copied =
      !task.output.is_grouped || (task.residual != nullptr && !task.residual_map.is_grouped);
  const auto floats = static_cast<size_t>(area.rows * task.output.pitch());
  float* scratch = is_copied ? task_floats(3, 2 * floats) : nullptr;
  const int64_t shift = area.column * kLanes;
  const float* residual = nullptr;
  if (task.residual != nullptr) {
    residual = read_rows(task.residual_map, task.residual, area.image, group, area.row, area.rows,
                         scratch) + shift;
  }
  float* target = rows_target(task.output, task.y, area.image, group, area.row, scratch + floats);
  finish({sums, area.columns * kLanes, task.on_coefficients, task.epilogue_of(group), residual,
          task.output.pitch(), task.output_block, area.rows, area.columns, target + shift,
          task.output.pitch()});
  write_rows(task.output, task.y, area.image, group, area.row, area.rows, target);
}

}  // namespace jpegcompile
