// Bias and activation of vectors of pixels, for sums in registers and in memory.
#pragma once

#include "conv/finish.h"
#include "tiles/isa.h"

namespace jpegcompile {

// NaNs propagate. `lane` is the offset of the vectors' first channel in the arrays of the epilogue.
template <int Count, typename V>
JPEGCOMPILE_INLINE void activate(V (&pixels)[Count], const Epilogue& epilogue, int64_t lane) {
  const V zero{};
  switch (epilogue.activation) {
    case Activation::kNone:
      return;
    case Activation::kRelu:
#pragma GCC unroll 16
      for (int i = 0; i < Count; ++i) pixels[i] = pixels[i] < zero ? zero : pixels[i];
      return;
    case Activation::kPRelu: {
      const V slope = load<V>(epilogue.slope + lane);
#pragma GCC unroll 16
      for (int i = 0; i < Count; ++i) {
        pixels[i] = pixels[i] > zero ? pixels[i] : pixels[i] * slope;
      }
      return;
    }
    case Activation::kClip: {
      const V low = zero + epilogue.low, high = zero + epilogue.high;
#pragma GCC unroll 16
      for (int i = 0; i < Count; ++i) {
        const V raised = pixels[i] < low ? low : pixels[i];
        pixels[i] = raised > high ? high : raised;
      }
      return;
    }
  }
}

template <int Count, typename V>
JPEGCOMPILE_INLINE void add_bias(V (&pixels)[Count], const Epilogue& epilogue, int64_t lane) {
  const V bias = load<V>(epilogue.bias + lane);
#pragma GCC unroll 16
  for (int i = 0; i < Count; ++i) pixels[i] += bias;
}

}  // namespace jpegcompile
