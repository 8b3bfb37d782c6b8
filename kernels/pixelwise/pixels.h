// Per-pixel functions on rows of pixels, for every instruction set.
#pragma once

#include <cstdint>
#include <string_view>

namespace jpegcompile {

// Pixels, and where to write the function's values. `to` may be equal to `from`. `count` is a
// multiple of 16. `a` and `b` are the function's attributes.
struct Span {
  const float* from;
  float* to;
  int64_t count;
  float a, b;
};

using PixelFunction = void (*)(const Span&);

void abs_pixels(const Span& span);
void atan_pixels(const Span& span);
void celu_pixels(const Span& span);
void cos_pixels(const Span& span);
void elu_pixels(const Span& span);
void erf_pixels(const Span& span);
void exp_pixels(const Span& span);
void gelu_pixels(const Span& span);
void gelu_tanh_pixels(const Span& span);
void hard_sigmoid_pixels(const Span& span);
void hard_swish_pixels(const Span& span);
void mish_pixels(const Span& span);
void selu_pixels(const Span& span);
void sigmoid_pixels(const Span& span);
void silu_pixels(const Span& span);
void sin_pixels(const Span& span);
void softplus_pixels(const Span& span);
void softsign_pixels(const Span& span);
void tanh_pixels(const Span& span);

// Returns a function by the name of its ONNX operator; null for unknown names. The tanh
// approximation of Gelu is called GeluTanh.
PixelFunction pixel_function(std::string_view name);

}  // namespace jpegcompile
