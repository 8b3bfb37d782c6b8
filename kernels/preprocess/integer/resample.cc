#include "preprocess/integer/resample.h"

#include "preprocess/integer/vectors.h"

namespace jpegcompile::integer {
namespace {

constexpr int32_t kHalf = 1 << (kWeightBits - 1);

JPEGCOMPILE_INLINE Int8 rounded(const Int8& sum) { return clamp(sum >> kWeightBits, 0, 255); }

JPEGCOMPILE_INLINE Int8 column_of(const ColumnWindows& task, int64_t index) {
  const Windows::Window& window = task.windows.windows[static_cast<size_t>(index)];
  const uint8_t* from = task.from + (window.first - task.first) * kStripRows;
  const int32_t* weights = task.windows.weights_of(index);
  Int8 sum = Int8{} + kHalf;
  for (int64_t k = 0; k < window.count; ++k) {
    sum += load_ints(from + k * kStripRows) * weights[k];
  }
  return rounded(sum);
}

template <typename Isa>
JPEGCOMPILE_INLINE void copy_columns(const ColumnWindows& task) {
  const Windows& windows = task.windows;
  for (int64_t i = 0; i < windows.count(); ++i) {
    const int64_t column = windows.windows[static_cast<size_t>(i)].first - task.first;
    __builtin_memcpy(task.to + windows.slot(i) * kStripRows, task.from + column * kStripRows,
                     kStripRows);
  }
}

template <typename Isa>
JPEGCOMPILE_INLINE void columns_loop(const ColumnWindows& task) {
  const Windows& windows = task.windows;
  if (windows.is_copy) return copy_columns<Isa>(task);
  int64_t i = 0;
  for (; i + 4 <= windows.count(); i += 4) {
    const Int8 a = column_of(task, i), b = column_of(task, i + 1);
    const Int8 c = column_of(task, i + 2), d = column_of(task, i + 3);
    const bool is_reversed = windows.is_reversed;
    store_to(task.to + windows.slot(is_reversed ? i + 3 : i) * kStripRows,
             is_reversed ? bytes_of(d, c, b, a) : bytes_of(a, b, c, d));
  }
  for (; i < windows.count(); ++i) {
    const Int8 column = column_of(task, i);
    const Byte32 bytes = bytes_of(column, column, column, column);
    __builtin_memcpy(task.to + windows.slot(i) * kStripRows, &bytes, kStripRows);
  }
}

JPEGCOMPILE_INLINE Int8 row_at(const RowWindow& task, int64_t x) {
  Int8 sum = Int8{} + kHalf;
  for (int64_t k = 0; k < task.count; ++k) sum += load_ints(task.rows[k] + x) * task.weights[k];
  return rounded(sum);
}

template <typename Isa>
JPEGCOMPILE_INLINE void rows_loop(const RowWindow& task) {
  int64_t x = 0;
  for (; x + 32 <= task.width; x += 32) {
    Int8 sums[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) sums[i] = Int8{} + kHalf;
    for (int64_t k = 0; k < task.count; ++k) {
      const uint8_t* row = task.rows[k] + x;
      const int32_t weight = task.weights[k];
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) sums[i] += load_ints(row + 8 * i) * weight;
    }
    store_to(task.to + x, bytes_of(rounded(sums[0]), rounded(sums[1]), rounded(sums[2]),
                                   rounded(sums[3])));
  }
  for (; x < task.width; x += 8) {
    const Int8 row = row_at(task, x);
    const Byte32 bytes = bytes_of(row, row, row, row);
    __builtin_memcpy(task.to + x, &bytes, 8);
  }
}

JPEGCOMPILE_INLINE Byte16 low_bytes(const Byte16& a, const Byte16& b) {
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
JPEGCOMPILE_INLINE Byte16 high_bytes(const Byte16& a, const Byte16& b) {
  return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15,
                                 31);
}

// 64 bytes as a square whose rows become columns: three times, the first half is interleaved with
// the second.
JPEGCOMPILE_INLINE void transpose(Byte16 (&x)[4]) {
#pragma GCC unroll 3
  for (int step = 0; step < 3; ++step) {
    const Byte16 mixed[4] = {low_bytes(x[0], x[2]), high_bytes(x[0], x[2]), low_bytes(x[1], x[3]),
                             high_bytes(x[1], x[3])};
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) x[i] = mixed[i];
  }
}

template <typename Isa>
JPEGCOMPILE_INLINE void rows_of_strip_loop(const StripRows& task) {
  for (int64_t column = 0; column < task.columns; column += 8) {
    Byte16 square[4];
    __builtin_memcpy(square, task.strip + column * kStripRows, sizeof square);
    transpose(square);
#pragma GCC unroll 8
    for (int row = 0; row < 8; ++row) {
      __builtin_memcpy(task.rows + row * task.pitch + column,
                       reinterpret_cast<const uint8_t*>(square) + 8 * row, 8);
    }
  }
}

template <typename Isa>
JPEGCOMPILE_INLINE void strip_of_rows_loop(const RowsStrip& task) {
  for (int64_t column = 0; column < task.columns; column += 8) {
    Byte16 square[4];
#pragma GCC unroll 8
    for (int row = 0; row < 8; ++row) {
      __builtin_memcpy(reinterpret_cast<uint8_t*>(square) + 8 * row,
                       task.rows + row * task.pitch + column, 8);
    }
    transpose(square);
    __builtin_memcpy(task.strip + column * kStripRows, square, sizeof square);
  }
}

}  // namespace

JPEGCOMPILE_MULTIVERSION(resample_columns, columns_loop, ColumnWindows)
JPEGCOMPILE_MULTIVERSION(resample_rows, rows_loop, RowWindow)
JPEGCOMPILE_MULTIVERSION(rows_of_strip, rows_of_strip_loop, StripRows)
JPEGCOMPILE_MULTIVERSION(strip_of_rows, strip_of_rows_loop, RowsStrip)

}  // namespace jpegcompile::integer
