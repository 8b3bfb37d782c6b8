// Division of the rows of maps among threads.
#pragma once

#include <algorithm>
#include <cstdint>

#include "tiles/map.h"
#include "work/workers.h"
#include "work/workspace.h"

namespace jpegcompile {

// Size of a task: large enough to outweigh the cost of handing it to a thread, small enough to stay
// in a core's own cache together with its result.
inline constexpr int64_t kTaskFloats = 16384;

inline int64_t ceil_div(int64_t dividend, int64_t divisor) {
  return (dividend + divisor - 1) / divisor;
}

// Calls work(first, last) for ranges that cover [0, count). One unit costs as much as working on
// `cost` floats. Each range has enough units for a task, if there are enough.
template <typename Work>
void for_ranges(const Workers& workers, int64_t count, int64_t cost, const Work& work) {
  if (count <= 0) return;
  const int64_t each = std::max<int64_t>(1, kTaskFloats / std::max<int64_t>(1, cost));
  workers.parallel(static_cast<size_t>(ceil_div(count, each)), [&](size_t task) {
    const int64_t first = static_cast<int64_t>(task) * each;
    work(first, std::min(count, first + each));
  });
}

// Calls work(strip) for strips of whole units of rows that cover a map. A unit, such as the rows of
// a tile, costs as much as working on `cost` floats.
template <typename Work>
void for_strips(const Workers& workers, const Map& map, int64_t unit, int64_t cost,
                const Work& work) {
  const int64_t units = map.height / unit;
  if (units == 0 || map.width == 0) return;
  const int64_t most = std::clamp<int64_t>(kTaskFloats / std::max<int64_t>(1, cost), 1, units);
  const int64_t strips = ceil_div(units, most), height = ceil_div(units, strips) * unit;
  for_ranges(workers, map.batch * map.groups() * strips, cost * height / unit,
             [&](int64_t first, int64_t last) {
               for (int64_t index = first; index < last; ++index) {
                 const int64_t plane = index / strips, row = index % strips * height;
                 if (row >= map.height) continue;
                 work(Strip{plane / map.groups(), plane % map.groups(), row,
                            std::min(height, map.height - row)});
               }
             });
}

// Calls work(strip, scratch, to) with the strip's rows of y, and scratch memory for the same rows
// of x, a map of the same shape.
template <typename Work>
void strips_of(const Workers& workers, const Map& from, const Map& to, float* y, int64_t unit,
               const Work& work) {
  for_strips(workers, from, unit, unit * from.pitch(), [&](const Strip& strip) {
    const auto [image, group, row, count] = strip;
    const auto floats = static_cast<size_t>(count * from.pitch());
    float* scratch = task_floats(0, 2 * floats);
    float* target = rows_target(to, y, image, group, row, scratch + floats);
    work(strip, scratch, target);
    write_rows(to, y, image, group, row, count, target);
  });
}

// Calls work(strip, from, to) with the strip's rows of x and of y, maps of the same shape.
template <typename Work>
void map_strips(const Workers& workers, const Map& from, const float* x, const Map& to, float* y,
                int64_t unit, const Work& work) {
  strips_of(workers, from, to, y, unit, [&](const Strip& strip, float* scratch, float* target) {
    const auto [image, group, row, count] = strip;
    work(strip, read_rows(from, x, image, group, row, count, scratch), target);
  });
}

// Like map_strips, with the tiles of x in any layout.
template <typename Work>
void map_tiles(const Workers& workers, const Map& from, const float* x, const Map& to, float* y,
               int block, const Work& work) {
  strips_of(workers, from, to, y, block, [&](const Strip& strip, float* scratch, float* target) {
    const auto [image, group, row, count] = strip;
    work(strip, read_tiles(from, block, x, image, group, row, count, scratch), target);
  });
}

}  // namespace jpegcompile
