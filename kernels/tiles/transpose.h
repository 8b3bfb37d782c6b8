// Transposes square tiles of floats in registers, to convert between planes and groups of channels.
#pragma once

#include "tiles/isa.h"

namespace jpegcompile {

// The first and the second half of a[0] b[0] a[1] b[1] ...
JPEGCOMPILE_INLINE Float4 interleave_low(const Float4& a, const Float4& b) {
  return __builtin_shufflevector(a, b, 0, 4, 1, 5);
}
JPEGCOMPILE_INLINE Float4 interleave_high(const Float4& a, const Float4& b) {
  return __builtin_shufflevector(a, b, 2, 6, 3, 7);
}
JPEGCOMPILE_INLINE Float8 interleave_low(const Float8& a, const Float8& b) {
  return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}
JPEGCOMPILE_INLINE Float8 interleave_high(const Float8& a, const Float8& b) {
  return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}
JPEGCOMPILE_INLINE Float16 interleave_low(const Float16& a, const Float16& b) {
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
JPEGCOMPILE_INLINE Float16 interleave_high(const Float16& a, const Float16& b) {
  return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15,
                                 31);
}

// Swaps rows and columns. Each step interleaves the upper half of the rows with the lower half;
// after log2(width) steps the bits of every index are rotated.
template <typename V>
JPEGCOMPILE_INLINE void transpose(V (&rows)[kWidth<V>]) {
  constexpr int kSide = kWidth<V>;
#pragma GCC unroll 4
  for (int step = 1; step < kSide; step *= 2) {
    V mixed[kSide];
#pragma GCC unroll 8
    for (int i = 0; i < kSide / 2; ++i) {
      mixed[2 * i] = interleave_low(rows[i], rows[i + kSide / 2]);
      mixed[2 * i + 1] = interleave_high(rows[i], rows[i + kSide / 2]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kSide; ++i) rows[i] = mixed[i];
  }
}

}  // namespace jpegcompile
