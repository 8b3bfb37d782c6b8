#include "preprocess/integer/resample.h"

#include "preprocess/integer/vectors.h"

namespace jpegcompile::integer {
namespace {

constexpr int32_t kHalf = 1 << (kWeightBits - 1);

JPEGCOMPILE_INLINE Int8 widened(const uint8_t* from) {
  return __builtin_convertvector(load_as<Byte8>(from), Int8);
}

JPEGCOMPILE_INLINE void store_clamped(uint8_t* to, const Int8& sum) {
  store_to(to, __builtin_convertvector(clamp(sum >> kWeightBits, 0, 255), Byte8));
}

template <typename Isa>
JPEGCOMPILE_INLINE void columns_loop(const ColumnWindows& task) {
  const Windows& windows = task.windows;
  for (int64_t i = 0; i < windows.count(); ++i) {
    const Windows::Window& window = windows.windows[static_cast<size_t>(i)];
    const uint8_t* from = task.from + (window.first - task.first) * kStripRows;
    uint8_t* to = task.to + windows.slot(i) * kStripRows;
    if (windows.is_copy) {
      store_to(to, load_as<Byte8>(from));
      continue;
    }
    const int32_t* weights = windows.weights_of(i);
    Int8 sum = Int8{} + kHalf;
    for (int64_t k = 0; k < window.count; ++k) {
      sum += widened(from + k * kStripRows) * weights[k];
    }
    store_clamped(to, sum);
  }
}

template <typename Isa>
JPEGCOMPILE_INLINE void rows_loop(const RowWindow& task) {
  int64_t x = 0;
  for (; x + 16 <= task.width; x += 16) {
    Int8 left = Int8{} + kHalf, right = left;
    for (int64_t k = 0; k < task.count; ++k) {
      const uint8_t* row = task.rows[k] + x;
      left += widened(row) * task.weights[k];
      right += widened(row + 8) * task.weights[k];
    }
    store_clamped(task.to + x, left);
    store_clamped(task.to + x + 8, right);
  }
  for (; x < task.width; ++x) {
    int32_t sum = kHalf;
    for (int64_t k = 0; k < task.count; ++k) sum += task.rows[k][x] * task.weights[k];
    sum >>= kWeightBits;
    task.to[x] = static_cast<uint8_t>(sum < 0 ? 0 : sum > 255 ? 255 : sum);
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
