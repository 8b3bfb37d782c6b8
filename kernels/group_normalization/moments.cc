#include "group_normalization/moments.h"

#include <algorithm>

#include "tiles/tiles.h"

namespace jpegcompile {
namespace {

// Pixels of a row that are processed at once, so that sums do not wait for each other.
template <int B>
inline constexpr int kStep = std::max(B, 4);

template <int B, typename Isa>
struct Measure {
  using V = typename Isa::Vector;

  // The sum of DC coefficients.
  JPEGCOMPILE_INLINE static V sum_of_dc(const MeasureRows& task, int lane) {
    V total{};
    for (int64_t row = 0; row < task.rows; row += B) {
      const float* from = task.from + row * task.width * kLanes + lane;
      V of_row[2] = {};
      int64_t column = 0;
      for (; column + 2 * B <= task.width; column += 2 * B) {
        of_row[0] += load<V>(from + column * kLanes);
        of_row[1] += load<V>(from + (column + B) * kLanes);
      }
      if (column < task.width) of_row[0] += load<V>(from + column * kLanes);
      total += of_row[0] + of_row[1];
    }
    return total;
  }

  template <bool kHasDc>
  JPEGCOMPILE_INLINE static void add_pixel(const float* from, bool is_dc, const V& dc, V& residual,
                                           V& squares) {
    V value = load<V>(from);
    if constexpr (kHasDc) {
      if (is_dc) value -= dc, residual += value;
    }
    squares += value * value;
  }

  template <bool kHasDc>
  JPEGCOMPILE_INLINE static void add_row(const float* from, int64_t width, const V& dc, V& residual,
                                         V& squares) {
    constexpr int kAtOnce = kStep<B>;
    V residuals[4] = {}, sums[4] = {};
    int64_t column = 0;
    for (; column + kAtOnce <= width; column += kAtOnce) {
#pragma GCC unroll 8
      for (int i = 0; i < kAtOnce; ++i) {
        add_pixel<kHasDc>(from + (column + i) * kLanes, i % B == 0, dc, residuals[i % 4],
                          sums[i % 4]);
      }
    }
    for (; column < width; ++column) {
      add_pixel<kHasDc>(from + column * kLanes, column % B == 0, dc, residuals[0], sums[0]);
    }
    residual += (residuals[0] + residuals[1]) + (residuals[2] + residuals[3]);
    squares += (sums[0] + sums[1]) + (sums[2] + sums[3]);
  }

  JPEGCOMPILE_INLINE static void run(const MeasureRows& task) {
    const int64_t pitch = task.width * kLanes;
    // The sum of a tile's pixels is its DC coefficient times the block size.
    const float mean_of = static_cast<float>(B) / static_cast<float>(task.rows * task.width);
    for (int lane = 0; lane < kLanes; lane += kWidth<V>) {
      const V center = sum_of_dc(task, lane) * mean_of, dc = center * static_cast<float>(B);
      V residual{}, squares{};
      for (int64_t row = 0; row < task.rows; row += B) {
        const float* from = task.from + row * pitch + lane;
        V of_tiles{};
        add_row<true>(from, task.width, dc, residual, of_tiles);
        for (int u = 1; u < B; ++u) {
          add_row<false>(from + u * pitch, task.width, dc, residual, of_tiles);
        }
        squares += of_tiles;
      }
      store(task.made + lane, center);
      store<V>(task.made + kLanes + lane, residual * static_cast<float>(B));
      store(task.made + 2 * kLanes + lane, squares);
    }
  }
};

template <int B, typename Isa>
struct Normalize {
  using V = typename Isa::Vector;

  JPEGCOMPILE_INLINE static void run(const NormalizeRows& task) {
    const int64_t pitch = task.width * kLanes;
    for (int lane = 0; lane < kLanes; lane += kWidth<V>) {
      const V scale = load<V>(task.factors + lane);
      const V center = load<V>(task.factors + kLanes + lane);
      const V shift = load<V>(task.factors + 2 * kLanes + lane);
      for (int64_t row = 0; row < task.rows; ++row) {
        const float* from = task.from + row * pitch + lane;
        float* to = task.to + row * pitch + lane;
        const bool has_dc = row % B == 0;
        for (int64_t tile = 0; tile < pitch; tile += B * kLanes) {
          const V first = load<V>(from + tile);
          store<V>(to + tile, has_dc ? (first - center) * scale + shift : first * scale);
#pragma GCC unroll 8
          for (int64_t i = tile + kLanes; i < tile + B * kLanes; i += kLanes) {
            store<V>(to + i, load<V>(from + i) * scale);
          }
        }
      }
    }
  }
};

template <typename Isa>
JPEGCOMPILE_INLINE void measure_body(const MeasureRows& task) {
  for_block<Measure, Isa>(task.block, task);
}
template <typename Isa>
JPEGCOMPILE_INLINE void normalize_body(const NormalizeRows& task) {
  for_block<Normalize, Isa>(task.block, task);
}

}  // namespace

JPEGCOMPILE_MULTIVERSION(measure_rows, measure_body, MeasureRows)
JPEGCOMPILE_MULTIVERSION(normalize_rows, normalize_body, NormalizeRows)

}  // namespace jpegcompile
