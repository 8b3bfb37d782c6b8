#include "preprocess/integer/color.h"

#include "preprocess/integer/vectors.h"

namespace jpegcompile::integer {
namespace {

constexpr int kBits = 16;  // of fractions
constexpr int32_t kHalf = 1 << (kBits - 1);

constexpr int32_t fixed(double value) {
  return static_cast<int32_t>(value * (1 << kBits) + 0.5);
}

JPEGCOMPILE_INLINE uint8_t clamped(int32_t value) {
  return static_cast<uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
}

// Compilers make vectors of these loops by themselves.
template <typename Isa>
JPEGCOMPILE_INLINE void ycc_loop(const ThreeChannels& pixels) {
  const uint8_t* __restrict y = pixels.from[0];
  const uint8_t* __restrict cb = pixels.from[1];
  const uint8_t* __restrict cr = pixels.from[2];
  uint8_t* __restrict red = pixels.to[0];
  uint8_t* __restrict green = pixels.to[1];
  uint8_t* __restrict blue = pixels.to[2];
  for (int64_t i = 0; i < pixels.count; ++i) {
    const int32_t luma = y[i], b = cb[i] - 128, r = cr[i] - 128;
    red[i] = clamped(luma + ((fixed(1.40200) * r + kHalf) >> kBits));
    green[i] = clamped(luma + ((kHalf - fixed(0.34414) * b - fixed(0.71414) * r) >> kBits));
    blue[i] = clamped(luma + ((fixed(1.77200) * b + kHalf) >> kBits));
  }
}

template <typename Isa>
JPEGCOMPILE_INLINE void luma_loop(const LumaOfRgb& pixels) {
  const uint8_t* __restrict red = pixels.from[0];
  const uint8_t* __restrict green = pixels.from[1];
  const uint8_t* __restrict blue = pixels.from[2];
  uint8_t* __restrict to = pixels.to;
  for (int64_t i = 0; i < pixels.count; ++i) {
    to[i] = static_cast<uint8_t>((red[i] * 19595 + green[i] * 38470 + blue[i] * 7471 + kHalf) >>
                                 kBits);
  }
}

}  // namespace

JPEGCOMPILE_MULTIVERSION(rgb_of_ycc, ycc_loop, ThreeChannels)
JPEGCOMPILE_MULTIVERSION(luma_of_rgb, luma_loop, LumaOfRgb)

}  // namespace jpegcompile::integer
