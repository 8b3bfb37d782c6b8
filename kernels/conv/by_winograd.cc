// 3x3 convolutions of stride 1: transform tiles to Winograd's points, compute a matrix product at
// each point, transform back.
//
// The order of the work depends on what would be read more often. For large maps, a task computes
// all three steps for some rows of tiles, which stay in cache, and reads all weights. For large
// weights, all tiles are transformed first; then a task computes some output channels of all tiles.
#include <algorithm>
#include <vector>

#include "conv/convolution.h"
#include "conv/gemm.h"
#include "conv/winograd.h"
#include "work/strips.h"
#include "work/workspace.h"

namespace jpegcompile {
namespace {

// Floats of transformed tiles that stay in a core's cache while a task works on them.
constexpr int64_t kNearFloats = int64_t{160} << 10;
// Floats of weights that stay in a core's cache from one task to the next. The weights of 64 by 64
// channels at 36 points fit.
constexpr int64_t kKeptFloats = int64_t{160} << 10;
constexpr int64_t kFewTasks = 4;
constexpr int64_t kManyUnits = 16;
// Enough rows of a matrix product to fill the registers.
constexpr int64_t kTilesEach = 12;

// A unit is a number of rows of tiles of one image whose outputs are whole rows of blocks.
struct Units {
  int m;
  int64_t points;
  int64_t rows_each;     // rows of tiles in a unit
  int64_t columns;       // tiles in a row
  int64_t cell;          // tiles of a row whose outputs are whole blocks
  int64_t per_image;
  int64_t count;         // of all current images

  int64_t tiles_each() const { return rows_each * columns; }
  int64_t cells() const { return ceil_div(columns, cell); }
};

Units units_of(const Convolution& task, int64_t images) {
  Units units{};
  units.m = task.weights->m();
  units.points = task.weights->points();
  units.rows_each = std::max<int64_t>(task.output_block / units.m, 1);
  units.cell = units.rows_each;
  units.columns = ceil_div(task.output.width, units.m);
  const int64_t rows = ceil_div(task.output.height, units.m);
  units.per_image = ceil_div(rows, units.rows_each);
  units.count = images * units.per_image;
  return units;
}

// A unit, or some columns of a unit.
struct Part {
  int64_t unit, column, columns;  // columns of tiles
};

// Memory of transformed tiles: [points][groups][tiles][16]. The distance between points is a little
// larger than necessary, so that points do not map to the same cache lines.
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

void to_points(const Convolution& task, const Units& units, const Source& source, const Part& part,
               int64_t group, const Transformed& to, int64_t tile) {
  const Window& window = task.weights->window;
  const int64_t image = part.unit / units.per_image;
  const float* pixels =
      source.pixels.data + (image * source.groups + group) * source.pixels.group_floats();
  winograd_input({units.m, pixels, source.pixels.height, source.pixels.width, window.top,
                  window.left, part.unit % units.per_image * units.rows_each, units.rows_each,
                  part.column, part.columns, to.at(group, tile), to.point_stride()});
}

// Computes the sums at all points for some output groups, for `tiles` tiles from `tile` on.
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

// Computes the output of one part of a unit and one group.
void from_points(const Convolution& task, const Units& units, const Source& source,
                 const Part& part, int64_t group, const float* sums, int64_t point_stride) {
  const int64_t image = source.first_image + part.unit / units.per_image;
  const int64_t row = part.unit % units.per_image * units.rows_each * units.m;
  const int64_t rows = std::min(units.rows_each * units.m, task.output.height - row);
  const int64_t column = part.column * units.m;
  const int64_t columns = std::min(part.columns * units.m, task.output.width - column);
  const Area area{image, row, rows, column, columns};
  look_ahead(task, area, group);
  float* strip = task_floats(2, static_cast<size_t>(rows * columns * kLanes));
  winograd_output({units.m, sums, point_stride, units.rows_each, part.columns, strip, rows, columns,
                   columns * kLanes});
  finish_area(task, area, group, strip);
}

// How the first order divides tiles: a task computes some units or, if there are few units, a part
// of one.
struct Shares {
  int64_t units_each, parts;

  int64_t tasks(const Units& units) const {
    return ceil_div(units.count, units_each) * parts;
  }
};

void by_tiles(const Call& call, const Convolution& task, const Units& units,
              const Reading& reading, const Source& source, const Shares& shares) {
  const int64_t inputs = source.groups, outputs = task.output.groups();
  const auto convolve = [&](size_t index) {
    const auto number = static_cast<int64_t>(index);
    const int64_t first = number / shares.parts * shares.units_each;
    const int64_t count = std::min(shares.units_each, units.count - first);
    const int64_t part = number % shares.parts;
    const int64_t column = units.cells() * part / shares.parts * units.cell;
    const int64_t end =
        std::min(units.cells() * (part + 1) / shares.parts * units.cell, units.columns);
    const int64_t tiles_each = units.rows_each * (end - column), tiles = count * tiles_each;
    const auto floats = [&](int64_t groups) {
      return static_cast<size_t>(units.points * Transformed::stride(tiles, groups));
    };
    const Transformed at_points{task_floats(0, floats(inputs)), tiles, inputs};
    const Transformed sums{task_floats(1, floats(outputs)), tiles, outputs};
    for (int64_t group = 0; group < inputs; ++group) {
      for (int64_t unit = 0; unit < count; ++unit) {
        to_points(task, units, source, {first + unit, column, end - column}, group, at_points,
                  unit * tiles_each);
      }
    }
    multiply_points(task, at_points, 0, tiles, 0, outputs, sums);
    for (int64_t group = 0; group < outputs; ++group) {
      for (int64_t unit = 0; unit < count; ++unit) {
        from_points(task, units, source, {first + unit, column, end - column}, group,
                    sums.at(group, unit * tiles_each), sums.point_stride());
      }
    }
  };
  call.in_turn(Stage{reading.count, reading},
               Stage{static_cast<size_t>(shares.tasks(units)), convolve});
}

// Number of channel groups in a task of the second order.
int64_t groups_each(int64_t outputs) {
  return std::max<int64_t>(2, (outputs / kFewTasks + 1) / 2 * 2);
}

void by_channels(const Call& call, const Convolution& task, const Units& units,
                 const Reading& reading, const Source& source, float* memory) {
  const int64_t inputs = source.groups, outputs = task.output.groups();
  const int64_t most_groups = groups_each(outputs);
  const int64_t tiles_each = units.tiles_each();
  const Transformed at_points{memory, units.count * tiles_each, inputs};
  const auto transform = [&](size_t index) {
    const auto number = static_cast<int64_t>(index);
    const int64_t unit = number % units.count;
    to_points(task, units, source, {unit, 0, units.columns}, number / units.count, at_points,
              unit * tiles_each);
  };
  // With few channels, tiles are divided as well.
  const int64_t chunks = ceil_div(outputs, most_groups);
  const int64_t parts = std::min(ceil_div(call.wanted_tasks(kFewTasks), chunks), units.count);
  const auto convolve = [&](size_t index) {
    const auto number = static_cast<int64_t>(index);
    const int64_t chunk = number / parts * most_groups, part = number % parts;
    const int64_t groups = std::min(most_groups, outputs - chunk);
    const int64_t first = units.count * part / parts, end = units.count * (part + 1) / parts;
    const int64_t tiles = (end - first) * tiles_each;
    const Transformed sums{
        task_floats(1, static_cast<size_t>(units.points * Transformed::stride(tiles, groups))),
        tiles, groups};
    multiply_points(task, at_points, first * tiles_each, tiles, chunk, groups, sums);
    for (int64_t group = 0; group < groups; ++group) {
      for (int64_t unit = first; unit < end; ++unit) {
        from_points(task, units, source, {unit, 0, units.columns}, chunk + group,
                    sums.at(group, (unit - first) * tiles_each), sums.point_stride());
      }
    }
  };
  call.in_turn(Stage{reading.count, reading},
               Stage{static_cast<size_t>(units.count * inputs), transform},
               Stage{static_cast<size_t>(chunks * parts), convolve});
}

// Chooses the tiles of a task, so that their results stay in cache and all threads are busy.
Shares shares_of(const Convolution& task, const Units& units, int64_t wanted) {
  const int64_t floats = units.points * units.tiles_each() * kLanes *
                         (task.input.groups() + task.output.groups());
  const int64_t shared = ceil_div(units.count, wanted);
  const int64_t each = std::max<int64_t>(std::min(kNearFloats / floats, shared), 1);
  // Rows of an NCHW map are written whole.
  if (each > 1 || units.count > kManyUnits || !task.output.is_grouped) return {each, 1};
  // There are few units, so threads with different numbers of units would finish at different
  // times.
  return {1, std::clamp<int64_t>(units.tiles_each() / kTilesEach, 1, units.cells())};
}

// Whether the first order reads less repeatedly. Weights that stay in a core's cache cost nothing;
// then several independent tasks are better than two dependent stages.
bool is_by_tiles(const Convolution& task, const Units& units, const Shares& shares) {
  const int64_t inputs = task.input.groups(), outputs = task.output.groups();
  const int64_t weights = units.points * inputs * outputs * kLanes * kLanes;
  if (weights <= kKeptFloats && shares.tasks(units) > 1) return true;
  const int64_t weights_read = shares.tasks(units) / shares.parts * inputs * outputs * kLanes;
  const int64_t chunks = ceil_div(outputs, groups_each(outputs));
  return weights_read <= (chunks + 1) * units.count * units.tiles_each() * inputs;
}

}  // namespace

void convolve_by_winograd(const Call& call, const Convolution& task) {
  const int64_t inputs = task.input.groups();
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
    const Shares shares = shares_of(task, units, call.wanted_tasks(kFewTasks));
    const bool by_rows = is_by_tiles(task, units, shares);
    const Reading reading = Reading::of(task, first, count, false,
                                        by_rows ? Order::kRows : Order::kChannels, scratch);
    const Source source{reading.pixels, inputs, first};
    if (by_rows) {
      by_tiles(call, task, units, reading, source, shares);
    } else {
      by_channels(call, task, units, reading, source, scratch + images * pixels);
    }
  }
}

}  // namespace jpegcompile
