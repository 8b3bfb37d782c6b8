#include "preprocess/steps.h"
#include "tiles/isa.h"

namespace jpegcompile {
namespace {

using Short4 = int16_t __attribute__((vector_size(8)));
using Short8 = int16_t __attribute__((vector_size(16)));

template <typename V>
JPEGCOMPILE_INLINE V load_shorts(const int16_t* from) {
  V value;
  __builtin_memcpy(&value, from, sizeof(V));
  return value;
}

// Lanes are horizontal frequencies: half a block, a block, or two blocks beside each other.
JPEGCOMPILE_INLINE void load_row(const int16_t* row, Float4& value) {
  value = __builtin_convertvector(load_shorts<Short4>(row), Float4);
}
JPEGCOMPILE_INLINE void load_row(const int16_t* row, Float8& value) {
  value = __builtin_convertvector(load_shorts<Short8>(row), Float8);
}
JPEGCOMPILE_INLINE void load_row(const int16_t* row, Float16& value) {
  const Short8 left = load_shorts<Short8>(row), right = load_shorts<Short8>(row + 64);
  value = __builtin_convertvector(
      __builtin_shufflevector(left, right, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
      Float16);
}

// What the 8 vertical frequencies add to a row.
template <typename V>
JPEGCOMPILE_INLINE V weighted(const V (&x)[kBlock], const float* factors) {
  V even = x[0] * factors[0], odd = x[1] * factors[1];
#pragma GCC unroll 4
  for (int u = 2; u < kBlock; u += 2) {
    even += x[u] * factors[u];
    odd += x[u + 1] * factors[u + 1];
  }
  return even + odd;
}

template <typename Isa>
JPEGCOMPILE_INLINE void vertical(const VerticalStep& step) {
  using V = typename Isa::Vector;
  constexpr int64_t kLanesOfRow = kWidth<V>;
  const int64_t width = kBlock * step.count;
  for (int64_t column = 0; column < width; column += kLanesOfRow) {
    const int64_t place = column % kBlock;
    const int16_t* block = step.blocks + kBlock * (column - place) + place;
    V x[kBlock];
#pragma GCC unroll 8
    for (int u = 0; u < kBlock; ++u) {
      load_row(block + kBlock * u, x[u]);
      x[u] *= load<V>(step.quantization + 16 * u + place);
    }
    const float* factors = step.factors;
    int64_t row = 0;
    for (; row < step.old_rows; ++row, factors += kBlock) {
      float* const sums = step.rows[row] + column;
      store(sums, load<V>(sums) + weighted(x, factors));
    }
    for (; row < step.row_count; ++row, factors += kBlock) {
      store(step.rows[row] + column, weighted(x, factors));
    }
  }
}

}  // namespace

JPEGCOMPILE_MULTIVERSION(vertical_step, vertical, VerticalStep)

}  // namespace jpegcompile
