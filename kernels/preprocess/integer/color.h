// Colours of pixels, as libjpeg-turbo's jdcolor.c and Pillow's Convert.c compute them.
#pragma once

#include <cstdint>

namespace jpegcompile::integer {

// `count` pixels of three channels, planar, become as many of three. Here and below, there is room
// for 31 pixels more.
struct ThreeChannels {
  const uint8_t* from[3];
  uint8_t* to[3];
  int64_t count;
};

void rgb_of_ycc(const ThreeChannels& pixels);

// The luma of RGB pixels, which Pillow's convert("L") gives.
struct LumaOfRgb {
  const uint8_t* from[3];
  uint8_t* to;
  int64_t count;
};

void luma_of_rgb(const LumaOfRgb& pixels);

}  // namespace jpegcompile::integer
