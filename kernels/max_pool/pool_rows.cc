#include "max_pool/pool_rows.h"

#include <algorithm>
#include <limits>

#include "tiles/isa.h"

namespace jpegcompile {
namespace {

// The value of padding. A window that reads only padding returns it, as in ONNX Runtime.
constexpr float kLowest = std::numeric_limits<float>::lowest();

// Taps of a window along an axis that are inside the map: positions first, first + step, ...
struct Taps {
  int64_t first, step, count;
};

JPEGCOMPILE_INLINE Taps taps_of(const PoolWindow& window, int axis, int64_t index, int64_t side) {
  const int64_t step = window.dilations[axis], begin = window.first(axis, index);
  const int64_t skipped = begin < 0 ? (-begin + step - 1) / step : 0;
  const int64_t first = begin + skipped * step;
  const int64_t left = window.kernel[axis] - skipped;
  const int64_t room = first < side ? (side - 1 - first) / step + 1 : 0;
  const int64_t count = left < room ? left : room;
  return {first, step, count > 0 ? count : 0};
}

// The maximum of `count` vectors that are `step` floats apart.
template <typename V>
JPEGCOMPILE_INLINE V largest(const float* from, int64_t step, int64_t count) {
  V best = V{} + kLowest;
  for (int64_t index = 0; index < count; ++index) {
    const V value = load<V>(from + index * step);
    best = value > best ? value : best;
  }
  return best;
}

// Computes the maxima of columns first, then the maxima of rows of these.
template <typename V>
JPEGCOMPILE_INLINE void exact_row(const PoolRows& rows, int64_t row) {
  const int64_t pitch = rows.width * kLanes;
  const Taps down = taps_of(rows.window, 0, row, rows.height);
  const float* from = rows.pixels + (down.first - rows.first_row) * pitch;
  for (int64_t index = 0; index < pitch; index += kWidth<V>) {
    store(rows.columns + index, largest<V>(from + index, down.step * pitch, down.count));
  }
  float* to = rows.to + (row - rows.output_row) * rows.output_width * kLanes;
  for (int64_t column = 0; column < rows.output_width; ++column) {
    const Taps across = taps_of(rows.window, 1, column, rows.width);
    for (int lane = 0; lane < kLanes; lane += kWidth<V>) {
      const float* first = rows.columns + across.first * kLanes + lane;
      store(to + column * kLanes + lane,
            largest<V>(first, across.step * kLanes, across.count));
    }
  }
}

// The pixel at the position where the approximation is largest; the first one in row-major order.
template <typename V>
JPEGCOMPILE_INLINE V picked(const PoolRows& rows, const Taps& down, const Taps& across, int lane) {
  V best = V{} + kLowest, value = V{} + kLowest;
  bool is_first = true;
  for (int64_t i = 0; i < down.count; ++i) {
    const int64_t row = down.first + i * down.step - rows.first_row;
    for (int64_t j = 0; j < across.count; ++j) {
      const int64_t column = across.first + j * across.step;
      const int64_t offset = (row * rows.width + column) * kLanes + lane;
      const V rough = load<V>(rows.rough + offset), pixel = load<V>(rows.pixels + offset);
      value = is_first ? pixel : (rough > best ? pixel : value);
      best = is_first ? rough : (rough > best ? rough : best);
      is_first = false;
    }
  }
  return value;
}

template <typename V>
JPEGCOMPILE_INLINE void masked_row(const PoolRows& rows, int64_t row) {
  const Taps down = taps_of(rows.window, 0, row, rows.height);
  float* to = rows.to + (row - rows.output_row) * rows.output_width * kLanes;
  for (int64_t column = 0; column < rows.output_width; ++column) {
    const Taps across = taps_of(rows.window, 1, column, rows.width);
    for (int lane = 0; lane < kLanes; lane += kWidth<V>) {
      store(to + column * kLanes + lane, picked<V>(rows, down, across, lane));
    }
  }
}

template <typename Isa>
JPEGCOMPILE_INLINE void pool_body(const PoolRows& rows) {
  using V = typename Isa::Vector;
  for (int64_t row = rows.output_row; row < rows.output_row + rows.output_rows; ++row) {
    if (rows.rough == nullptr) {
      exact_row<V>(rows, row);
    } else {
      masked_row<V>(rows, row);
    }
  }
}

}  // namespace

JPEGCOMPILE_MULTIVERSION(max_pool_rows, pool_body, PoolRows)

}  // namespace jpegcompile
