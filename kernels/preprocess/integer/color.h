// Color conversion, as in libjpeg-turbo's jdcolor.c and Pillow's Convert.c.
#pragma once

#include <cstdint>

namespace jpegcompile::integer {

// `count` pixels of three channels, planar, and their result. Here and below, memory must have room
// for 31 more pixels.
struct ThreeChannels {
  const uint8_t* from[3];
  uint8_t* to[3];
  int64_t count;
};

void rgb_of_ycc(const ThreeChannels& pixels);

// RGB pixels and their luma, equal to Pillow's convert("L").
struct LumaOfRgb {
  const uint8_t* from[3];
  uint8_t* to;
  int64_t count;
};

void luma_of_rgb(const LumaOfRgb& pixels);

}  // namespace jpegcompile::integer
