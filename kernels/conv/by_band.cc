// 1x1 convolutions of compact maps. The rows of the matrix product are the stored coefficients, so
// the work is proportional to their number.
#include <algorithm>
#include <vector>

#include "conv/convolution.h"
#include "conv/gemm.h"
#include "work/strips.h"
#include "work/workspace.h"

namespace jpegcompile {
namespace {

// kTaskRows: rows of the product in a task. kNearRows: rows whose sums, of two groups, stay in the
// nearest cache until they are finished.
constexpr int64_t kTaskRows = 448;
constexpr int64_t kNearRows = 192;
// Enough that threads finish at about the same time.
constexpr int64_t kTasks = 12;

// How the tiles of an image and the output's groups are divided into tasks.
struct Schedule {
  int64_t in_row, tiles;          // in a row of tiles, in all
  int64_t near, each, strips;     // tiles of a part, of a task; tasks per image
  int64_t chunk, chunks;          // groups of a task; tasks per strip
};

Schedule schedule_for(const Convolution& task, int64_t tasks) {
  const int block = task.output_block;
  const int64_t count = task.input.band.count();
  Schedule schedule{};
  schedule.in_row = task.input.width / block;
  schedule.tiles = task.input.height / block * schedule.in_row;
  // NCHW maps are copied in whole rows.
  const bool is_copied =
      !task.output.is_grouped || (task.residual != nullptr && !task.residual_map.is_grouped);
  const int64_t unit = is_copied ? schedule.in_row : 1;
  schedule.near = std::max<int64_t>(kNearRows / (count * unit), 1) * unit;
  // Whole rows of tiles are contiguous in memory, compact or not.
  if (schedule.near > schedule.in_row) schedule.near -= schedule.near % schedule.in_row;
  const int64_t parts = std::max<int64_t>(kTaskRows / (count * schedule.near), 1);
  schedule.each = std::min(parts * schedule.near, schedule.tiles);
  schedule.strips = ceil_div(schedule.tiles, schedule.each);
  const int64_t groups = task.output.groups();
  const int64_t wanted = ceil_div(tasks, task.input.batch * schedule.strips);
  schedule.chunk = ceil_div(ceil_div(groups, wanted), 2) * 2;
  schedule.chunks = ceil_div(groups, schedule.chunk);
  return schedule;
}

// Consecutive tiles of one image. `in_row` is the number of tiles in a row.
struct Tiles {
  int64_t image, first, count, in_row;
};

// Finishes the sums of one group. Sums have the layout of the input, row of tiles by row of tiles.
void finish_tiles(const Convolution& task, const Tiles& tiles, int64_t group, const float* sums) {
  const int64_t block = task.output_block;
  const TileLayout layout = TileLayout::compact(task.input.band, tiles.in_row);
  const int64_t end = tiles.first + tiles.count;
  for (int64_t tile = tiles.first; tile < end;) {
    const int64_t column = tile % tiles.in_row;
    const int64_t count = std::min(tiles.in_row - column, end - tile);
    const Area area{tiles.image, tile / tiles.in_row * block, block, column * block,
                    count * block};
    finish_area(task, area, group, sums + (tile - tiles.first) * layout.tile, layout);
    tile += count;
  }
}

void convolve_tiles(const Convolution& task, const Tiles& tiles, int64_t group, int64_t end) {
  thread_local std::vector<int64_t> offsets;
  const int64_t rows = tiles.count * task.input.band.count(), plane = task.input.group_floats();
  // In a grouped convolution every output group reads other inputs, so groups are computed one at a
  // time.
  const int64_t step = task.weights->window.group == 1 ? 2 : 1;
  for (; group < end; group += step) {
    const Taps& taps = task.weights->taps[static_cast<size_t>(group)];
    offsets.clear();
    for (int64_t i = 0; i < taps.input_groups; ++i) {
      offsets.push_back((taps.first_input_group + i) * plane);
    }
    Gemm gemm{};
    gemm.input = task.x + tiles.image * task.input.groups() * plane +
                 tiles.first * task.input.band.count() * kLanes;
    gemm.row_stride = kLanes;
    gemm.rows = rows;
    gemm.offsets = offsets.data();
    gemm.segments = taps.input_groups;
    gemm.depth = kLanes;
    gemm.weights = task.weights->data + taps.weights;
    gemm.groups = std::min(step, end - group);
    gemm.output = task_floats(0, static_cast<size_t>(2 * rows * kLanes));
    gemm.output_group = rows * kLanes;
    const int64_t block = task.output_block;
    look_ahead(task,
               {tiles.image, group, tiles.first / tiles.in_row * block,
                tiles.first % tiles.in_row * block},
               gemm);
    multiply(gemm);
    for (int64_t part = 0; part < gemm.groups; ++part) {
      finish_tiles(task, tiles, group + part, gemm.output + part * gemm.output_group);
    }
  }
}

}  // namespace

void convolve_band(const Call& call, const Convolution& task) {
  const Schedule schedule = schedule_for(task, call.wanted_tasks(kTasks));
  const int64_t per_image = schedule.strips * schedule.chunks;
  call.parallel(static_cast<size_t>(task.input.batch * per_image), [&](size_t index) {
    const int64_t image = static_cast<int64_t>(index) / per_image;
    const int64_t part = static_cast<int64_t>(index) % per_image;
    const int64_t begin = part % schedule.strips * schedule.each;
    const int64_t end = std::min(begin + schedule.each, schedule.tiles);
    const int64_t group = part / schedule.strips * schedule.chunk;
    const int64_t last = std::min(group + schedule.chunk, task.output.groups());
    for (int64_t first = begin; first < end; first += schedule.near) {
      convolve_tiles(task, {image, first, std::min(schedule.near, end - first), schedule.in_row},
                     group, last);
    }
  });
}

}  // namespace jpegcompile
