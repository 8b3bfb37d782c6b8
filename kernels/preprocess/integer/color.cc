// Fixed-point products with 16 fractional bits in 16-bit lanes: with a factor of 256 h + l,
// floor((65536 / 2 + (256 h + l) x) / 65536) = (128 + h x + (l x >> 8)) >> 8.
#include "preprocess/integer/color.h"

#include "preprocess/integer/vectors.h"

namespace jpegcompile::integer {
namespace {

// The high and the low part of a factor. Products of either with -128..127 fit into 16 bits.
struct Factor {
  int16_t high, low;
};

constexpr Factor factor(int32_t fixed) {
  const int32_t high = (fixed + 128) >> 8;
  return {static_cast<int16_t>(high), static_cast<int16_t>(fixed - (high << 8))};
}

constexpr int32_t fixed(double value) {
  return static_cast<int32_t>(value * 65536 + (value < 0 ? -0.5 : 0.5));
}

template <typename V>
JPEGCOMPILE_INLINE V rounded(const V& high, const V& low) {
  return (high + 128 + (low >> 8)) >> 8;
}

template <typename Isa, typename Wide, typename Narrow>
using Lanes = std::conditional_t<sizeof(typename Isa::Vector) < sizeof(Wide), Narrow, Wide>;

template <typename V>
struct Rgb {
  V red, green, blue;
};

template <typename V>
JPEGCOMPILE_INLINE Rgb<V> mixed(const V& y, const V& cb, const V& cr) {
  constexpr Factor kRed = factor(fixed(1.40200 - 1)), kBlue = factor(fixed(1.77200 - 2));
  constexpr Factor kGreenOfCb = factor(fixed(-0.34414)), kGreenOfCr = factor(fixed(1 - 0.71414));
  return {clamp(y + cr + rounded(cr * kRed.high, cr * kRed.low), 0, 255),
          clamp(y - cr + rounded(cb * kGreenOfCb.high + cr * kGreenOfCr.high,
                                 cb * kGreenOfCb.low + cr * kGreenOfCr.low),
                0, 255),
          clamp(y + 2 * cb + rounded(cb * kBlue.high, cb * kBlue.low), 0, 255)};
}

template <typename Isa>
JPEGCOMPILE_INLINE void ycc_loop(const ThreeChannels& pixels) {
  using V = Lanes<Isa, Short16, Short8>;
  constexpr int64_t kStep = sizeof(V);  // pixels of two vectors
  for (int64_t i = 0; i < pixels.count; i += kStep) {
    Rgb<V> halves[2];
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      const int64_t at = i + half * kStep / 2;
      halves[half] = mixed(load_lanes<V>(pixels.from[0] + at),
                           load_lanes<V>(pixels.from[1] + at) - 128,
                           load_lanes<V>(pixels.from[2] + at) - 128);
    }
    store_lanes(pixels.to[0] + i, halves[0].red, halves[1].red);
    store_lanes(pixels.to[1] + i, halves[0].green, halves[1].green);
    store_lanes(pixels.to[2] + i, halves[0].blue, halves[1].blue);
  }
}

template <typename V>
JPEGCOMPILE_INLINE V luma(const LumaOfRgb& pixels, int64_t at) {
  constexpr uint16_t kFactors[3] = {19595, 38470, 7471};
  V high = {}, low = {};
#pragma GCC unroll 3
  for (int channel = 0; channel < 3; ++channel) {
    const V value = load_lanes<V>(pixels.from[channel] + at);
    high += value * static_cast<uint16_t>(kFactors[channel] >> 8);
    low += value * static_cast<uint16_t>(kFactors[channel] & 255);
  }
  return rounded(high, low);
}

template <typename Isa>
JPEGCOMPILE_INLINE void luma_loop(const LumaOfRgb& pixels) {
  using V = Lanes<Isa, Word16, Word8>;
  constexpr int64_t kStep = sizeof(V);
  for (int64_t i = 0; i < pixels.count; i += kStep) {
    store_lanes(pixels.to + i, luma<V>(pixels, i), luma<V>(pixels, i + kStep / 2));
  }
}

}  // namespace

JPEGCOMPILE_MULTIVERSION(rgb_of_ycc, ycc_loop, ThreeChannels)
JPEGCOMPILE_MULTIVERSION(luma_of_rgb, luma_loop, LumaOfRgb)

}  // namespace jpegcompile::integer
