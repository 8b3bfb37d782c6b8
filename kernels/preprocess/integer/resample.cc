#include "preprocess/integer/resample.h"

#include "preprocess/integer/ints.h"

namespace jpegcompile::integer {
namespace {

constexpr int32_t kHalf = 1 << (kWeightBits - 1);

template <typename V>
JPEGCOMPILE_INLINE V rounded(const V& sum) {
  return clamp(sum >> kWeightBits, 0, 255);
}

template <typename V>
JPEGCOMPILE_INLINE V column_of(const ColumnWindows& task, int64_t index) {
  const Windows::Window& window = task.windows.windows[static_cast<size_t>(index)];
  const uint8_t* from = task.from + (window.first - task.first) * kStripRows;
  const int32_t* weights = task.windows.weights_of(index);
  V sum = V{} + kHalf;
  for (int64_t k = 0; k < window.count; ++k) {
    sum = sum + load_ints<V>(from + k * kStripRows) * weights[k];
  }
  return rounded(sum);
}

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
  using V = Ints<Isa>;
  const Windows& windows = task.windows;
  if (windows.is_copy) return copy_columns(task);
  int64_t i = 0;
  for (; i + 4 <= windows.count(); i += 4) {
    const V a = column_of<V>(task, i), b = column_of<V>(task, i + 1);
    const V c = column_of<V>(task, i + 2), d = column_of<V>(task, i + 3);
    if (windows.is_reversed) {
      store_four(task.to + windows.slot(i + 3) * kStripRows, d, c, b, a);
    } else {
      store_four(task.to + windows.slot(i) * kStripRows, a, b, c, d);
    }
  }
  for (; i < windows.count(); ++i) {
    store_one(task.to + windows.slot(i) * kStripRows, column_of<V>(task, i));
  }
}

// Computes 8 * kCount pixels of a row.
template <typename V, int kCount>
JPEGCOMPILE_INLINE void row_part(const RowWindow& task, int64_t x) {
  V sums[kCount];
#pragma GCC unroll 4
  for (int i = 0; i < kCount; ++i) sums[i] = V{} + kHalf;
  for (int64_t k = 0; k < task.count; ++k) {
    const uint8_t* row = task.rows[k] + x;
    const int32_t weight = task.weights[k];
#pragma GCC unroll 4
    for (int i = 0; i < kCount; ++i) sums[i] = sums[i] + load_ints<V>(row + 8 * i) * weight;
  }
#pragma GCC unroll 4
  for (int i = 0; i < kCount; ++i) sums[i] = rounded(sums[i]);
  if constexpr (kCount == 4) {
    store_four(task.to + x, sums[0], sums[1], sums[2], sums[3]);
  } else {
    store_one(task.to + x, sums[0]);
  }
}

template <typename Isa>
JPEGCOMPILE_INLINE void rows_loop(const RowWindow& task) {
  int64_t x = 0;
  for (; x + 32 <= task.width; x += 32) row_part<Ints<Isa>, 4>(task, x);
  for (; x < task.width; x += 8) row_part<Ints<Isa>, 1>(task, x);
}

JPEGCOMPILE_INLINE Byte16 low_bytes(const Byte16& a, const Byte16& b) {
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
JPEGCOMPILE_INLINE Byte16 high_bytes(const Byte16& a, const Byte16& b) {
  return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15,
                                 31);
}

// Transposes a square of 8x8 bytes in three steps. Each step interleaves the first half of the
// bytes with the second half.
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
    // Four loads instead of one: AddressSanitizer of GCC 12 does not align variables to 64 bytes.
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      square[i] = load_as<Byte16>(task.strip + column * kStripRows + 16 * i);
    }
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
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) store_to(task.strip + column * kStripRows + 16 * i, square[i]);
  }
}

}  // namespace

JPEGCOMPILE_MULTIVERSION(resample_columns, columns_loop, ColumnWindows)
JPEGCOMPILE_MULTIVERSION(resample_rows, rows_loop, RowWindow)
JPEGCOMPILE_MULTIVERSION(rows_of_strip, rows_of_strip_loop, StripRows)
JPEGCOMPILE_MULTIVERSION(strip_of_rows, strip_of_rows_loop, RowsStrip)

}  // namespace jpegcompile::integer
