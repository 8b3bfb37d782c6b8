// The larger and the smaller of two vectors, lane by lane. NaNs propagate.
#pragma once

#include "tiles/isa.h"

namespace jpegcompile {

struct Largest {
  template <typename V>
  JPEGCOMPILE_INLINE static V of(const V& a, const V& b) {
    return (b <= a) | (a != a) ? a : b;
  }
};

struct Smallest {
  template <typename V>
  JPEGCOMPILE_INLINE static V of(const V& a, const V& b) {
    return (a <= b) | (a != a) ? a : b;
  }
};

}  // namespace jpegcompile
