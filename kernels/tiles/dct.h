// The orthonormal DCT-II of tiles whose pixels are vectors of channels (design: X = D x D^T).
//
// Even and odd coefficients are computed separately; the odd part is a plain matrix product. An
// 8-point transform takes 34 operations with fused multiply-add, and is as accurate as the matrix
// product.
#pragma once

#include "tiles/isa.h"

namespace jpegcompile {

// cos(k pi / 16) / 2, sqrt(1/8) and sqrt(1/2).
inline constexpr float kC1 = 0.490392640201615224563F;
inline constexpr float kC2 = 0.461939766255643378064F;
inline constexpr float kC3 = 0.415734806151272618540F;
inline constexpr float kC5 = 0.277785116509801112372F;
inline constexpr float kC6 = 0.191341716182544885864F;
inline constexpr float kC7 = 0.097545161008064133924F;
inline constexpr float kRoot8th = 0.353553390593273762200F;
inline constexpr float kRootHalf = 0.707106781186547524401F;

// Inverse transforms read only the first `Known` coefficients and assume that the others are zero.
template <int B>
struct Dct;

template <>
struct Dct<1> {
  template <typename V>
  JPEGCOMPILE_INLINE static void forward(V (&)[1]) {}
  template <int Known = 1, typename V>
  JPEGCOMPILE_INLINE static void inverse(V (&)[1]) {}
};

template <>
struct Dct<2> {
  template <typename V>
  JPEGCOMPILE_INLINE static void forward(V (&x)[2]) {
    const V sum = x[0] + x[1];
    x[1] = (x[0] - x[1]) * kRootHalf;
    x[0] = sum * kRootHalf;
  }
  template <int Known = 2, typename V>
  JPEGCOMPILE_INLINE static void inverse(V (&x)[2]) {
    if constexpr (Known == 2) {
      forward(x);
    } else {
      x[0] = x[1] = x[0] * kRootHalf;
    }
  }
};

template <>
struct Dct<4> {
  template <typename V>
  JPEGCOMPILE_INLINE static void forward(V (&x)[4]) {
    const V s0 = x[0] + x[3], s1 = x[1] + x[2];
    const V d0 = x[0] - x[3], d1 = x[1] - x[2];
    x[0] = (s0 + s1) * 0.5F;
    x[2] = (s0 - s1) * 0.5F;
    x[1] = (d0 * kC2 + d1 * kC6) * (2 * kRootHalf);
    x[3] = (d0 * kC6 - d1 * kC2) * (2 * kRootHalf);
  }
  template <int Known = 4, typename V>
  JPEGCOMPILE_INLINE static void inverse(V (&x)[4]) {
    V e0 = x[0] * 0.5F, e1 = e0, o0{}, o1{};
    if constexpr (Known > 2) e0 = (x[0] + x[2]) * 0.5F, e1 = (x[0] - x[2]) * 0.5F;
    if constexpr (Known > 3) {
      o0 = (x[1] * kC2 + x[3] * kC6) * (2 * kRootHalf);
      o1 = (x[1] * kC6 - x[3] * kC2) * (2 * kRootHalf);
    } else if constexpr (Known > 1) {
      o0 = x[1] * (kC2 * 2 * kRootHalf);
      o1 = x[1] * (kC6 * 2 * kRootHalf);
    }
    x[0] = e0 + o0;
    x[3] = e0 - o0;
    x[1] = e1 + o1;
    x[2] = e1 - o1;
  }
};

template <>
struct Dct<8> {
  template <typename V>
  JPEGCOMPILE_INLINE static void forward(V (&x)[8]) {
    const V s0 = x[0] + x[7], s1 = x[1] + x[6], s2 = x[2] + x[5], s3 = x[3] + x[4];
    const V d0 = x[0] - x[7], d1 = x[1] - x[6], d2 = x[2] - x[5], d3 = x[3] - x[4];
    const V t0 = s0 + s3, t1 = s1 + s2, r0 = s0 - s3, r1 = s1 - s2;
    x[0] = (t0 + t1) * kRoot8th;
    x[4] = (t0 - t1) * kRoot8th;
    x[2] = r0 * kC2 + r1 * kC6;
    x[6] = r0 * kC6 - r1 * kC2;
    x[1] = d0 * kC1 + d1 * kC3 + d2 * kC5 + d3 * kC7;
    x[3] = d0 * kC3 - d1 * kC7 - d2 * kC1 - d3 * kC5;
    x[5] = d0 * kC5 - d1 * kC1 + d2 * kC7 + d3 * kC3;
    x[7] = d0 * kC7 - d1 * kC5 + d2 * kC3 - d3 * kC1;
  }
  template <int Known = 8, typename V>
  JPEGCOMPILE_INLINE static void inverse(V (&x)[8]) {
    V u0 = x[0] * kRoot8th, u1 = u0, v0{}, v1{};
    if constexpr (Known > 4) u0 = (x[0] + x[4]) * kRoot8th, u1 = (x[0] - x[4]) * kRoot8th;
    if constexpr (Known > 6) {
      v0 = x[2] * kC2 + x[6] * kC6, v1 = x[2] * kC6 - x[6] * kC2;
    } else if constexpr (Known > 2) {
      v0 = x[2] * kC2, v1 = x[2] * kC6;
    }
    const V e0 = u0 + v0, e3 = u0 - v0, e1 = u1 + v1, e2 = u1 - v1;
    const V o0 = odd<Known>(x, kC1, kC3, kC5, kC7);
    const V o1 = odd<Known>(x, kC3, -kC7, -kC1, -kC5);
    const V o2 = odd<Known>(x, kC5, -kC1, kC7, kC3);
    const V o3 = odd<Known>(x, kC7, -kC5, kC3, -kC1);
    x[0] = e0 + o0;
    x[7] = e0 - o0;
    x[1] = e1 + o1;
    x[6] = e1 - o1;
    x[2] = e2 + o2;
    x[5] = e2 - o2;
    x[3] = e3 + o3;
    x[4] = e3 - o3;
  }

 private:
  template <int Known, typename V>
  JPEGCOMPILE_INLINE static V odd(const V (&x)[8], float a, float b, float c, float d) {
    V sum{};
    if constexpr (Known > 1) sum = x[1] * a;
    if constexpr (Known > 3) sum += x[3] * b;
    if constexpr (Known > 5) sum += x[5] * c;
    if constexpr (Known > 7) sum += x[7] * d;
    return sum;
  }
};

// Transforms one line of a tile of B x B vectors.
template <int B, bool Inverse, typename V>
JPEGCOMPILE_INLINE void transform_line(V (&line)[B]) {
  if constexpr (Inverse) {
    Dct<B>::inverse(line);
  } else {
    Dct<B>::forward(line);
  }
}

// Inverts a line; coefficients from index `known` on, 1 to B, are zero.
template <int B, int Known = B, typename V>
JPEGCOMPILE_INLINE void inverse_known(int known, V (&line)[B]) {
  if constexpr (Known > 1) {
    if (known < Known) return inverse_known<B, Known - 1>(known, line);
  }
  Dct<B>::template inverse<Known>(line);
}

// Reads the first `known` coefficients of a line, 1 to B, `stride` floats apart, and inverts them.
template <int B, int Known = B, typename V>
JPEGCOMPILE_INLINE void inverse_first(int known, const float* from, long stride, V (&line)[B]) {
  if constexpr (Known > 1) {
    if (known < Known) return inverse_first<B, Known - 1>(known, from, stride, line);
  }
#pragma GCC unroll 8
  for (int i = 0; i < Known; ++i) line[i] = load<V>(from + i * stride);
  Dct<B>::template inverse<Known>(line);
}

// Transforms a line and writes its first `wanted` coefficients, 1 to B.
template <int B, int Wanted = B, typename V>
JPEGCOMPILE_INLINE void forward_first(int wanted, V (&line)[B], float* to, long stride) {
  if constexpr (Wanted > 1) {
    if (wanted < Wanted) return forward_first<B, Wanted - 1>(wanted, line, to, stride);
  }
  Dct<B>::forward(line);
#pragma GCC unroll 8
  for (int i = 0; i < Wanted; ++i) store(to + i * stride, line[i]);
}

// Transforms a tile of B x B vectors from `from` to `to`, which may be equal; strides in floats.
template <int B, bool Inverse, typename V>
JPEGCOMPILE_INLINE void transform_tile(const float* from, long from_row, long from_column,
                                       float* to, long to_row, long to_column) {
  V tile[B][B];
  for (int row = 0; row < B; ++row) {
#pragma GCC unroll 8
    for (int column = 0; column < B; ++column) {
      tile[row][column] = load<V>(from + row * from_row + column * from_column);
    }
    transform_line<B, Inverse>(tile[row]);
  }
  for (int column = 0; column < B; ++column) {
    V line[B];
#pragma GCC unroll 8
    for (int row = 0; row < B; ++row) line[row] = tile[row][column];
    transform_line<B, Inverse>(line);
#pragma GCC unroll 8
    for (int row = 0; row < B; ++row) {
      store(to + row * to_row + column * to_column, line[row]);
    }
  }
}

}  // namespace jpegcompile
