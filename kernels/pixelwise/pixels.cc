#include "pixelwise/pixels.h"

#include <algorithm>
#include <array>
#include <utility>

#include "pixelwise/functions.h"

namespace jpegcompile {
namespace {

template <typename Function, typename V>
JPEGCOMPILE_INLINE void apply(const Span& span) {
  for (int64_t index = 0; index < span.count; index += kWidth<V>) {
    const V x = load<V>(span.from + index);
    store<V>(span.to + index, Function::of(x, span.a, span.b));
  }
}

}  // namespace

#define JPEGCOMPILE_PIXELWISE(name, Function)             \
  template <typename Isa>                                 \
  JPEGCOMPILE_INLINE void name##_body(const Span& span) { \
    apply<Function, typename Isa::Vector>(span);          \
  }                                                       \
  JPEGCOMPILE_MULTIVERSION(name, name##_body, Span)

JPEGCOMPILE_PIXELWISE(abs_pixels, Abs)
JPEGCOMPILE_PIXELWISE(atan_pixels, Atan)
JPEGCOMPILE_PIXELWISE(celu_pixels, Celu)
JPEGCOMPILE_PIXELWISE(cos_pixels, Cos)
JPEGCOMPILE_PIXELWISE(elu_pixels, Elu)
JPEGCOMPILE_PIXELWISE(erf_pixels, Erf)
JPEGCOMPILE_PIXELWISE(exp_pixels, Exp)
JPEGCOMPILE_PIXELWISE(gelu_pixels, Gelu)
JPEGCOMPILE_PIXELWISE(gelu_tanh_pixels, GeluTanh)
JPEGCOMPILE_PIXELWISE(hard_sigmoid_pixels, HardSigmoid)
JPEGCOMPILE_PIXELWISE(hard_swish_pixels, HardSwish)
JPEGCOMPILE_PIXELWISE(mish_pixels, Mish)
JPEGCOMPILE_PIXELWISE(selu_pixels, Selu)
JPEGCOMPILE_PIXELWISE(sigmoid_pixels, Sigmoid)
JPEGCOMPILE_PIXELWISE(silu_pixels, Silu)
JPEGCOMPILE_PIXELWISE(sin_pixels, Sin)
JPEGCOMPILE_PIXELWISE(softplus_pixels, Softplus)
JPEGCOMPILE_PIXELWISE(softsign_pixels, Softsign)
JPEGCOMPILE_PIXELWISE(tanh_pixels, Tanh)

PixelFunction pixel_function(std::string_view name) {
  static constexpr std::array kFunctions{
      std::pair{std::string_view("Abs"), PixelFunction{abs_pixels}},
      std::pair{std::string_view("Atan"), PixelFunction{atan_pixels}},
      std::pair{std::string_view("Celu"), PixelFunction{celu_pixels}},
      std::pair{std::string_view("Cos"), PixelFunction{cos_pixels}},
      std::pair{std::string_view("Elu"), PixelFunction{elu_pixels}},
      std::pair{std::string_view("Erf"), PixelFunction{erf_pixels}},
      std::pair{std::string_view("Exp"), PixelFunction{exp_pixels}},
      std::pair{std::string_view("Gelu"), PixelFunction{gelu_pixels}},
      std::pair{std::string_view("GeluTanh"), PixelFunction{gelu_tanh_pixels}},
      std::pair{std::string_view("HardSigmoid"), PixelFunction{hard_sigmoid_pixels}},
      std::pair{std::string_view("HardSwish"), PixelFunction{hard_swish_pixels}},
      std::pair{std::string_view("Mish"), PixelFunction{mish_pixels}},
      std::pair{std::string_view("Selu"), PixelFunction{selu_pixels}},
      std::pair{std::string_view("Sigmoid"), PixelFunction{sigmoid_pixels}},
      std::pair{std::string_view("Silu"), PixelFunction{silu_pixels}},
      std::pair{std::string_view("Sin"), PixelFunction{sin_pixels}},
      std::pair{std::string_view("Softplus"), PixelFunction{softplus_pixels}},
      std::pair{std::string_view("Softsign"), PixelFunction{softsign_pixels}},
      std::pair{std::string_view("Tanh"), PixelFunction{tanh_pixels}}};
  const auto* found = std::ranges::find(kFunctions, name, [](const auto& pair) { return pair.first; });
  return found == kFunctions.end() ? nullptr : found->second;
}

}  // namespace jpegcompile
