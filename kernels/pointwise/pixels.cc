#include "pointwise/pixels.h"

#include <algorithm>
#include <array>
#include <utility>

#include "pointwise/functions.h"

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

#define JPEGCOMPILE_POINTWISE(name, Function)             \
  template <typename Isa>                                 \
  JPEGCOMPILE_INLINE void name##_body(const Span& span) { \
    apply<Function, typename Isa::Vector>(span);          \
  }                                                       \
  JPEGCOMPILE_MULTIVERSION(name, name##_body, Span)

JPEGCOMPILE_POINTWISE(abs_pixels, Abs)
JPEGCOMPILE_POINTWISE(atan_pixels, Atan)
JPEGCOMPILE_POINTWISE(celu_pixels, Celu)
JPEGCOMPILE_POINTWISE(cos_pixels, Cos)
JPEGCOMPILE_POINTWISE(elu_pixels, Elu)
JPEGCOMPILE_POINTWISE(erf_pixels, Erf)
JPEGCOMPILE_POINTWISE(exp_pixels, Exp)
JPEGCOMPILE_POINTWISE(gelu_pixels, Gelu)
JPEGCOMPILE_POINTWISE(gelu_tanh_pixels, GeluTanh)
JPEGCOMPILE_POINTWISE(hard_sigmoid_pixels, HardSigmoid)
JPEGCOMPILE_POINTWISE(hard_swish_pixels, HardSwish)
JPEGCOMPILE_POINTWISE(mish_pixels, Mish)
JPEGCOMPILE_POINTWISE(selu_pixels, Selu)
JPEGCOMPILE_POINTWISE(sigmoid_pixels, Sigmoid)
JPEGCOMPILE_POINTWISE(silu_pixels, Silu)
JPEGCOMPILE_POINTWISE(sin_pixels, Sin)
JPEGCOMPILE_POINTWISE(softplus_pixels, Softplus)
JPEGCOMPILE_POINTWISE(softsign_pixels, Softsign)
JPEGCOMPILE_POINTWISE(tanh_pixels, Tanh)

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
