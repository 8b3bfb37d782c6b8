// 3x3 convolutions of stride 1: tiles to Winograd's points, a matrix product at each point, back.
//
// Two orders of the work, by what has to be read more often. Where maps are large, a task takes
// some rows of tiles through all three steps while they stay near, and reads all weights. Where
// weights are large, all tiles are brought to the points first, and a task takes some output
// channels of all of them.
#include <algorithm>
#include <numeric>
#include <vector>

#include "../native/workspace.h"
#include "convolution.h"
#include "gemm.h"
#include "winograd.h"

namespace jpegcompile {
namespace {

// Floats of tiles at all points that stay near a core while a task works on them.
constexpr int64_t kNearFloats = int64_t{160} << 10;
constexpr int64_t kFewTasks = 4;

// Units are rows of tiles of one image whose outputs are whole rows of blocks.
struct Units {
  int m;
  int64_t points;
  int64_t rows_each;     // rows of tiles in a unit
  int64_t columns;       // tiles in a row
  int64_t per_image;
  int64_t count;         // of all images at hand

  int64_t tiles_each() const { return rows_each * columns; }
};

Units units_of(const Convolution& task, int64_t images) {
  Units units{};
  units.m = task.weights->m();
  units.points = task.weights->points();
  units.rows_each = std::max<int64_t>(task.output_block / units.m, 1);
  units.columns = (task.output.width + units.m - 1) / units.m;
  const int64_t rows = (task.output.height + units.m - 1) / units.m;
  units.per_image = (rows + units.rows_each - 1) / units.rows_each;
  units.count = images * units.per_image;
  return units;
}

// Memory of tiles at the points: [points][groups][tiles][16], points a little further apart, so
// that they do not all fall into the same lines of a cache.
struct Transformed {
  float* data;
  int64_t tiles, groups;

  static int64_t stride(int64_t tiles, int64_t groups) { return (groups * tiles + 1) * kLanes; }
  int64_t point_stride() const { return stride(tiles, groups); }
  float* at(int64_t group, int64_t tile) const { return data + (group * tiles + tile) * kLanes; }
};

struct Source {
  Pixels pixels;
  int64_t groups;
  int64_t first_image;
};

void to_points(const Convolution& task, const Units& units, const Source& source, int64_t unit,
               int64_t group, const Transformed& to, int64_t tile) {
  const Window& window = task.weights->window;
  const int64_t image = unit / units.per_image;
  const float* pixels =
      source.pixels.data + (image * source.groups + group) * source.pixels.group_floats();
  winograd_input({units.m, pixels, source.pixels.height, source.pixels.width, window.top,
                  window.left, unit % units.per_image * units.rows_each, units.rows_each,
                  units.columns, to.at(group, tile), to.point_stride()});
}

// Sums at all points of some groups of outputs, of `tiles` tiles from `tile` on.
void multiply_points(const Convolution& task, const Transformed& from, int64_t tile, int64_t tiles,
                     int64_t group, int64_t groups, const Transformed& to) {
  thread_local std::vector<int64_t> offsets;
  offsets.resize(static_cast<size_t>(from.groups));
  for (int64_t i = 0; i < from.groups; ++i) {
    offsets[static_cast<size_t>(i)] = i * from.tiles * kLanes;
  }
  const int64_t depth = from.groups * kLanes;
  const int64_t point_weights = task.weights->output_groups() * depth * kLanes;
  for (int64_t point = 0; point < task.weights->points(); ++point) {
    multiply({from.data + point * from.point_stride() + tile * kLanes, kLanes, tiles,
              offsets.data(), from.groups, kLanes,
              task.weights->data + point * point_weights + group * depth * kLanes, groups,
              to.data + point * to.point_stride(), to.tiles * kLanes});
  }
}

// Brings near what finishing whole rows of a map will write, or read of the residual.
template <int kIsWritten>
void look_ahead(const Map& map, int block, const float* data, const Area& area, int64_t group) {
  if (data == nullptr || !map.is_grouped) return;
  const TileLayout layout = layout_of(map, block);
  const float* from = data + tile_offset(map, layout, block, area.image, group, area.row, 0);
  const int64_t floats = area.rows / block * layout.tile_row;
  for (int64_t line = 0; line < floats; line += kLanes) __builtin_prefetch(from + line, kIsWritten);
}

// The output rows of one unit and one group.
void from_points(const Convolution& task, const Units& units, const Source& source, int64_t unit,
                 int64_t group, const float* sums, int64_t point_stride) {
  const int64_t image = source.first_image + unit / units.per_image;
  const int64_t row = unit % units.per_image * units.rows_each * units.m;
  const int64_t rows = std::min(units.rows_each * units.m, task.output.height - row);
  const Area area{image, row, rows, 0, task.output.width};
  look_ahead<1>(task.output, task.output_block, task.y, area, group);
  look_ahead<0>(task.residual_map, task.output_block, task.residual, area, group);
  float* strip = task_floats(2, static_cast<size_t>(rows * task.output.pitch()));
  winograd_output({units.m, sums, point_stride, units.rows_each, units.columns, strip, rows,
                   task.output.width, task.output.pitch()});
  finish_area(task, area, group, strip);
}

void by_tiles(const Call& call, const Convolution& task, const Units& units, const Source& source,
              int64_t units_each) {
  const int64_t inputs = source.groups, outputs = task.output.groups();
  const int64_t tasks = (units.count + units_each - 1) / units_each;
  call.parallel(static_cast<size_t>(tasks), [&](size_t index) {
    const int64_t first = static_cast<int64_t>(index) * units_each;
    const int64_t count = std::min(units_each, units.count - first);
    const int64_t tiles = count * units.tiles_each();
    const auto floats = [&](int64_t groups) {
      return static_cast<size_t>(units.points * Transformed::stride(tiles, groups));
    };
    const Transformed at_points{task_floats(0, floats(inputs)), tiles, inputs};
    const Transformed sums{task_floats(1, floats(outputs)), tiles, outputs};
    for (int64_t group = 0; group < inputs; ++group) {
      for (int64_t unit = 0; unit < count; ++unit) {
        to_points(task, units, source, first + unit, group, at_points,
                  unit * units.tiles_each());
      }
    }
    multiply_points(task, at_points, 0, tiles, 0, outputs, sums);
    for (int64_t group = 0; group < outputs; ++group) {
      for (int64_t unit = 0; unit < count; ++unit) {
        from_points(task, units, source, first + unit, group,
                    sums.at(group, unit * units.tiles_each()), sums.point_stride());
      }
    }
  });
}

void by_channels(const Call& call, const Convolution& task, const Units& units,
                 const Source& source, float* memory, int64_t groups_each) {
  const int64_t inputs = source.groups, outputs = task.output.groups();
  const Transformed at_points{memory, units.count * units.tiles_each(), inputs};
  call.parallel(static_cast<size_t>(inputs), [&](size_t group) {
    for (int64_t unit = 0; unit < units.count; ++unit) {
      to_points(task, units, source, unit, static_cast<int64_t>(group), at_points,
                unit * units.tiles_each());
    }
  });
  const int64_t tasks = (outputs + groups_each - 1) / groups_each;
  call.parallel(static_cast<size_t>(tasks), [&](size_t index) {
    const int64_t first = static_cast<int64_t>(index) * groups_each;
    const int64_t groups = std::min(groups_each, outputs - first);
    const int64_t tiles = at_points.tiles;
    const Transformed sums{
        task_floats(1, static_cast<size_t>(units.points * Transformed::stride(tiles, groups))),
        tiles, groups};
    multiply_points(task, at_points, 0, tiles, first, groups, sums);
    for (int64_t group = 0; group < groups; ++group) {
      for (int64_t unit = 0; unit < units.count; ++unit) {
        from_points(task, units, source, unit, first + group,
                    sums.at(group, unit * units.tiles_each()), sums.point_stride());
      }
    }
  });
}

// Units that one task takes, so that what it makes of them stays near.
int64_t units_each(const Convolution& task, const Units& units) {
  const int64_t floats = units.points * units.tiles_each() * kLanes *
                         (task.input.groups() + task.output.groups());
  const int64_t shared = (units.count + kFewTasks - 1) / kFewTasks;
  return std::max<int64_t>(std::min(kNearFloats / floats, shared), 1);
}

}  // namespace

void convolve_by_winograd(const Call& call, const Convolution& task) {
  const int64_t inputs = task.input.groups(), outputs = task.output.groups();
  const int64_t pixels = pixel_floats(task, false);
  const Units one = units_of(task, 1);
  const int64_t tile_floats =
      one.points * Transformed::stride(one.per_image * one.tiles_each(), inputs);
  const int64_t images = images_at_once(task.input.batch, pixels + tile_floats);
  Workspace workspace;
  float* scratch = workspace.floats(static_cast<size_t>(images * (pixels + tile_floats)));
  for (int64_t first = 0; first < task.input.batch; first += images) {
    const int64_t count = std::min(images, task.input.batch - first);
    const Units units = units_of(task, count);
    const Source source{read_pixels(call, task, first, count, false, scratch), inputs, first};
    const int64_t each = units_each(task, units);
    const int64_t groups_each = std::max<int64_t>(2, (outputs / kFewTasks + 1) / 2 * 2);
    // What either order reads again and again.
    const int64_t weights_read =
        (units.count + each - 1) / each * inputs * outputs * kLanes;
    const int64_t tiles_read =
        ((outputs + groups_each - 1) / groups_each + 1) * units.count * units.tiles_each() * inputs;
    if (weights_read <= tiles_read) {
      by_tiles(call, task, units, source, each);
    } else {
      by_channels(call, task, units, source, scratch + images * pixels, groups_each);
    }
  }
}

}  // namespace jpegcompile
