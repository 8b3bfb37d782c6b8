// Functions of vectors of pixels in float32. Errors are a few units in the last place.
//
// Polynomials are least-squares fits, weighted so that their largest errors are about equal.
// Comments state the largest error, which is relative unless noted.
#pragma once

#include <cmath>

#include "tiles/isa.h"

namespace jpegcompile {

template <typename V>
using Integers = decltype(V{} > V{});

template <typename V>
JPEGCOMPILE_INLINE V absolute(const V& x) {
  return x < 0 ? -x : x;
}

// 2^n for integers n from -126 to 127. Sets the bits of the exponent.
template <typename V>
JPEGCOMPILE_INLINE V power_of_two(const Integers<V>& n) {
  const Integers<V> bits = (n + 127) << 23;
  V value;
  __builtin_memcpy(&value, &bits, sizeof(V));
  return value;
}

// e^x: x = n ln 2 + r, and a polynomial for e^r with |r| <= ln(2)/2, error 1.9e-9. Large results
// are infinite; small results are subnormal or 0.
template <typename V>
JPEGCOMPILE_INLINE V exponential(const V& given) {
  const V low = given < -105.0F ? V{} - 105.0F : given;
  const V x = low > 90.0F ? V{} + 90.0F : low;
  // Adding and subtracting 1.5 * 2^23 rounds to an integer.
  const V whole = (x * 1.44269504F + 12582912.0F) - 12582912.0F;
  // ln 2 is split into two parts. The first has few bits, so its products are exact.
  const V r = (x - whole * 0.693359375F) + whole * 2.12194440e-4F;
  V sum = r * 0.00138368341F + 0.00837482233F;
  sum = sum * r + 0.0416682251F;
  sum = sum * r + 0.166664198F;
  sum = sum * r + 0.499999911F;
  sum = sum * r + 1.0F;
  sum = sum * r + 1.0F;
  const Integers<V> n = __builtin_convertvector(whole, Integers<V>);
  const Integers<V> half = n >> 1;
  return sum * power_of_two<V>(half) * power_of_two<V>(n - half);
}

// 1 / (1 + e^-x), computed from e^-|x|, which does not overflow.
template <typename V>
JPEGCOMPILE_INLINE V sigmoid_of(const V& x) {
  const V small = exponential<V>(-absolute(x));
  const V numerator = x < 0 ? small : V{} + 1.0F;
  return numerator / (1.0F + small);
}

// tanh: x P(x^2) for |x| < 5/8, error 3.9e-9; otherwise 1 - 2 / (e^2x + 1).
template <typename V>
JPEGCOMPILE_INLINE V tanh_of(const V& x) {
  const V z = x * x;
  V sum = z * -0.00565998489F + 0.0205909833F;
  sum = sum * z - 0.0537210666F;
  sum = sum * z + 0.133311272F;
  sum = sum * z - 0.333332598F;
  const V near = x + x * z * sum;
  const V size = absolute(x);
  const V far = 1.0F - 2.0F / (exponential<V>(size + size) + 1.0F);
  return size < 0.625F ? near : (x < 0 ? -far : far);
}

// e^x - 1 for x <= 0, computed as 2t / (1 - t) with t = tanh(x/2), which avoids cancellation.
template <typename V>
JPEGCOMPILE_INLINE V expm1_of(const V& x) {
  const V t = tanh_of<V>(x * 0.5F);
  return (t + t) / (1.0F - t);
}

// ln(1 + e) for 0 <= e <= 1: a series for 2 atanh(s), s = e / (2 + e) <= 1/3. The first omitted
// term is s^16/17, 1.4e-9.
template <typename V>
JPEGCOMPILE_INLINE V log1p_of(const V& e) {
  const V s = e / (2.0F + e), z = s * s;
  V sum = z * (1.0F / 15) + 1.0F / 13;
  sum = sum * z + 1.0F / 11;
  sum = sum * z + 1.0F / 9;
  sum = sum * z + 1.0F / 7;
  sum = sum * z + 1.0F / 5;
  sum = sum * z + 1.0F / 3;
  return 2.0F * (s + s * z * sum);
}

// erf and erfc. `erf_near` is for |x| < 1: x P(x^2), error 1.2e-9. `erfc_far` is for larger |x|:
// erfc(|x|) = exp(Q(|x| - 5/2)) up to 4, absolute error 6e-11. At 4 erfc is 1.5e-8; beyond, the
// exponent is extrapolated linearly.
template <typename V>
JPEGCOMPILE_INLINE V erf_near(const V& x) {
  const V z = x * x;
  V sum = z * 7.85385782e-05F - 0.000801019254F;
  sum = sum * z + 0.00518832775F;
  sum = sum * z - 0.026853811F;
  sum = sum * z + 0.112835854F;
  sum = sum * z - 0.37612626F;
  return x * (sum * z + 1.12837911F);
}

template <typename V>
JPEGCOMPILE_INLINE V erfc_far(const V& size) {
  const V inside = size > 4.0F ? V{} + 4.0F : size, t = inside - 2.5F;
  V sum = t * 1.39801887e-06F - 1.39407639e-05F;
  sum = sum * t + 7.76470988e-05F;
  sum = sum * t - 0.000418066717F;
  sum = sum * t + 0.00216617412F;
  sum = sum * t - 0.0108600706F;
  sum = sum * t - 0.943894923F;
  sum = sum * t - 5.35268068F;
  sum = sum * t - 7.80681515F;
  return exponential<V>(sum - (size - inside) * 8.236F);
}

// sin(x + quarters pi/2): x = n pi/2 + r, and polynomials for sin r and cos r with |r| <= pi/4,
// error 2e-8. pi/2 is split into parts. The first two have 11 bits, so their products with n are
// exact for |x| <= 8192.
template <typename V>
JPEGCOMPILE_INLINE V sine_near(const V& x, int quarters) {
  const V whole = (x * 0.63661975F + 12582912.0F) - 12582912.0F;
  const V r = ((x - whole * 1.5703125F) - whole * 0.000483751297F) - whole * 7.54979013e-08F;
  const V z = r * r;
  V sine = z * -0.00019577147F + 0.00833269674F;
  sine = r + r * z * (sine * z - 0.166666642F);
  V cosine = z * 2.45574429e-05F - 0.00138884096F;
  cosine = (1.0F - 0.5F * z) + z * z * (cosine * z + 0.0416666679F);
  const Integers<V> turn = __builtin_convertvector(whole, Integers<V>) + quarters;
  const V size = (turn & 1) != 0 ? cosine : sine;
  return (turn & 2) != 0 ? -size : size;
}

// Like `sine_near`. Beyond 8192 it calls the C library.
template <float (*function)(float), typename V>
JPEGCOMPILE_INLINE V sine_of(const V& x, int quarters) {
  bool is_near = true;
  for (int lane = 0; lane < kWidth<V>; ++lane) is_near &= std::abs(x[lane]) <= 8192.0F;
  if (is_near) return sine_near(x, quarters);
  V made{};
  for (int lane = 0; lane < kWidth<V>; ++lane) made[lane] = function(x[lane]);
  return made;
}

// atan: t + t z P(z), z = t^2, for |t| <= 1, error 1.2e-8; otherwise pi/2 - atan(1/|x|).
template <typename V>
JPEGCOMPILE_INLINE V atan_of(const V& x) {
  const V size = absolute(x), t = size > 1.0F ? 1.0F / size : size, z = t * t;
  V sum = z * -0.00242352299F + 0.0136557585F;
  sum = sum * z - 0.0361156352F;
  sum = sum * z + 0.062711902F;
  sum = sum * z - 0.0866694376F;
  sum = sum * z + 0.110363923F;
  sum = sum * z - 0.142789081F;
  sum = sum * z + 0.199997559F;
  sum = sum * z - 0.333333313F;
  const V angle = t + t * z * sum;
  const V whole = size > 1.0F ? 1.57079633F - angle : angle;
  return x < 0 ? -whole : whole;
}

// Functions, named after their ONNX operators. Arguments of `of` after x are attributes.

struct Abs {
  template <typename V>
  JPEGCOMPILE_INLINE static V of(const V& x, float, float) {
    return absolute(x);
  }
};

struct Atan {
  template <typename V>
  JPEGCOMPILE_INLINE static V of(const V& x, float, float) {
    return atan_of(x);
  }
};

struct Cos {
  template <typename V>
  JPEGCOMPILE_INLINE static V of(const V& x, float, float) {
    return sine_of<std::cos, V>(x, 1);
  }
};

struct Sin {
  template <typename V>
  JPEGCOMPILE_INLINE static V of(const V& x, float, float) {
    return sine_of<std::sin, V>(x, 0);
  }
};

struct Celu {
  template <typename V>
  JPEGCOMPILE_INLINE static V of(const V& x, float alpha, float) {
    return x > 0 ? x : alpha * expm1_of<V>(x / alpha);
  }
};

struct Elu {
  template <typename V>
  JPEGCOMPILE_INLINE static V of(const V& x, float alpha, float) {
    return x > 0 ? x : alpha * expm1_of<V>(x);
  }
};

struct Selu {
  template <typename V>
  JPEGCOMPILE_INLINE static V of(const V& x, float alpha, float gamma) {
    return gamma * (x > 0 ? x : alpha * expm1_of<V>(x));
  }
};

struct Erf {
  template <typename V>
  JPEGCOMPILE_INLINE static V of(const V& x, float, float) {
    const V size = absolute(x), far = 1.0F - erfc_far<V>(size);
    return size < 1.0F ? erf_near(x) : (x < 0 ? -far : far);
  }
};

struct Exp {
  template <typename V>
  JPEGCOMPILE_INLINE static V of(const V& x, float, float) {
    return exponential(x);
  }
};

struct Gelu {
  template <typename V>
  JPEGCOMPILE_INLINE static V of(const V& x, float, float) {
    const V scaled = x * 0.707106781F, size = absolute(scaled);
    const V far = erfc_far<V>(size);
    const V twice = size < 1.0F ? 1.0F + erf_near(scaled) : (x < 0 ? far : 2.0F - far);
    return 0.5F * x * twice;
  }
};

// x (1 + tanh(u)) / 2 = x sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3).
struct GeluTanh {
  template <typename V>
  JPEGCOMPILE_INLINE static V of(const V& x, float, float) {
    return x * sigmoid_of<V>(1.59576912F * (x + 0.044715F * x * x * x));
  }
};

struct HardSigmoid {
  template <typename V>
  JPEGCOMPILE_INLINE static V of(const V& x, float alpha, float beta) {
    const V line = x * alpha + beta;
    const V raised = line < 0 ? V{} : line;
    return raised > 1.0F ? V{} + 1.0F : raised;
  }
};

struct HardSwish {
  template <typename V>
  JPEGCOMPILE_INLINE static V of(const V& x, float, float) {
    return x * HardSigmoid::of(x, 1.0F / 6, 0.5F);
  }
};

// x tanh(ln(1 + e)) with e = e^x. tanh(ln(1 + e)) = n / (n + 2), n = e (e + 2), which is 1 from
// x = 20 on.
struct Mish {
  template <typename V>
  JPEGCOMPILE_INLINE static V of(const V& x, float, float) {
    const V e = exponential<V>(x > 20.0F ? V{} + 20.0F : x), n = e * (e + 2.0F);
    return x * (n / (n + 2.0F));
  }
};

struct Sigmoid {
  template <typename V>
  JPEGCOMPILE_INLINE static V of(const V& x, float, float) {
    return sigmoid_of(x);
  }
};

struct Silu {
  template <typename V>
  JPEGCOMPILE_INLINE static V of(const V& x, float, float) {
    return x * sigmoid_of(x);
  }
};

struct Softplus {
  template <typename V>
  JPEGCOMPILE_INLINE static V of(const V& x, float, float) {
    return (x > 0 ? x : V{}) + log1p_of<V>(exponential<V>(-absolute(x)));
  }
};

struct Softsign {
  template <typename V>
  JPEGCOMPILE_INLINE static V of(const V& x, float, float) {
    return x / (1.0F + absolute(x));
  }
};

struct Tanh {
  template <typename V>
  JPEGCOMPILE_INLINE static V of(const V& x, float, float) {
    return tanh_of(x);
  }
};

}  // namespace jpegcompile
