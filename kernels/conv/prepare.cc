// Shared by all convolutions: the sizes of the work, and writing finished rows to the output.
#include <algorithm>

#include "conv/convolution.h"
#include "conv/gemm.h"
#include "work/workspace.h"

namespace jpegcompile {
namespace {

template <int kIsWritten>
void bring_near(const Map& map, const TileLayout& layout, int block, const float* data,
                const Area& area, int64_t group) {
  if (data == nullptr || !map.is_grouped) return;
  const float* from =
      data + tile_offset(map, layout, block, area.image, group, area.row, area.column);
  // Contiguous memory: rows of pixels, or rows of compact tiles.
  const int64_t runs = map.is_compact ? area.rows / block : area.rows;
  const int64_t pitch = map.is_compact ? layout.tile_row : map.pitch();
  const int64_t floats =
      map.is_compact ? area.columns / block * layout.tile : area.columns * kLanes;
  for (int64_t run = 0; run < runs; ++run) {
    for (int64_t line = 0; line < floats; line += kLanes) {
      __builtin_prefetch(from + run * pitch + line, kIsWritten);
    }
  }
}

}  // namespace

Epilogue Convolution::epilogue_of(int64_t group) const {
  Epilogue result = epilogue;
  result.bias += group * kLanes;
  if (result.slope != nullptr) result.slope += group * kLanes;
  return result;
}

bool Convolution::is_elementwise() const {
  return output_block == 1 && output.is_grouped && (residual == nullptr || residual_map.is_grouped);
}

void look_ahead(const Convolution& task, const Area& area, int64_t group) {
  bring_near<1>(task.output, task.output_at, task.output_block, task.y, area, group);
  bring_near<0>(task.residual_map, task.residual_at, task.output_block, task.residual, area, group);
}

void look_ahead(const Convolution& task, const SumsPlace& first, Gemm& gemm) {
  const auto offset_of = [&](const Map& map, const TileLayout& layout) {
    return tile_offset(map, layout, task.output_block, first.image, first.group, first.row,
                       first.column);
  };
  if (!task.output.is_grouped) return;
  gemm.ahead_output = task.y + offset_of(task.output, task.output_at);
  gemm.ahead_group = task.output.group_floats();
  if (task.residual == nullptr || !task.residual_map.is_grouped) return;
  gemm.ahead_residual = task.residual + offset_of(task.residual_map, task.residual_at);
  gemm.ahead_residual_group = task.residual_map.group_floats();
}

void finish_area(const Convolution& task, const Area& area, int64_t group, const float* sums) {
  finish_area(task, area, group, sums,
              TileLayout::in_rows(task.output_block, area.columns * kLanes));
}

void finish_area(const Convolution& task, const Area& area, int64_t group, const float* sums,
                 const TileLayout& sums_at) {
  const bool is_copied =
      !task.output.is_grouped || (task.residual != nullptr && !task.residual_map.is_grouped);
  const auto floats = static_cast<size_t>(area.rows * task.output.pitch());
  float* scratch = is_copied ? task_floats(3, 2 * floats) : nullptr;
  const int block = task.output_block;
  const int64_t shift = area.column * kLanes;
  Finish finish_of{sums, &sums_at, task.on_coefficients, task.epilogue_of(group), nullptr,
                   &task.residual_at, block, area.rows / block, area.columns / block, nullptr,
                   &task.output_at, task.frequencies};
  if (task.residual != nullptr) {
    const Map& map = task.residual_map;
    finish_of.residual =
        map.is_grouped
            ? task.residual + tile_offset(map, task.residual_at, block, area.image, group, area.row,
                                          area.column)
            : read_rows(map, task.residual, area.image, group, area.row, area.rows, scratch) +
                  shift;
  }
  if (task.output.is_grouped) {
    finish_of.output = task.y + tile_offset(task.output, task.output_at, block, area.image, group,
                                            area.row, area.column);
    return finish(finish_of);
  }
  finish_of.output = scratch + floats + shift;
  finish(finish_of);
  write_rows(task.output, task.y, area.image, group, area.row, area.rows, scratch + floats);
}

}  // namespace jpegcompile
