// JpegSigmoid, JpegSilu and the other functions of each pixel: inverse transform, function,
// transform.
#include "functions.h"

#include <cmath>
#include <string>

#include "../native/operators.h"
#include "../native/strips.h"
#include "../native/tile_kernel.h"
#include "../native/tiles.h"

namespace jpegcompile {
namespace {

// Pixels, a multiple of 16, that a function replaces.
struct Span {
  float* pixels;
  int64_t count;
  float a, b;
};

template <typename Function, typename V>
JPEGCOMPILE_INLINE void apply(const Span& span) {
  for (int64_t index = 0; index < span.count; index += kWidth<V>) {
    const V x = load<V>(span.pixels + index);
    store<V>(span.pixels + index, Function::of(x, span.a, span.b));
  }
}

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

using Function = void (*)(const Span&);

class Pointwise : public TileKernel {
 public:
  Pointwise(const Node& node, Function function, float a, float b)
      : TileKernel(node), function_(function), a_(a), b_(b) {}

  void compute(const Call& call) const override {
    const auto [from, to, x, y] = maps(call);
    map_tiles(call, from, x, to, y, block_,
              [&](const Strip& strip, Tiles source, float* target) {
                // A row of tiles at a time, which stays in the nearest cache.
                const int64_t floats = block_ * from.pitch();
                for (int64_t row = 0; row < strip.count; row += block_) {
                  inverse_rows({source, target, block_, from.width, block_, from.pitch()});
                  function_({target, floats, a_, b_});
                  if (block_ > 1) forward_rows({target, target, block_, from.width, block_});
                  source.first += source.at.tile_row, target += floats;
                }
              });
  }

 private:
  Function function_;
  float a_, b_;
};

template <Function function>
std::unique_ptr<Kernel> plain(const Node& node) {
  return std::make_unique<Pointwise>(node, function, 0.0F, 0.0F);
}

template <Function function>
std::unique_ptr<Kernel> with_alpha(const Node& node) {
  return std::make_unique<Pointwise>(node, function, node.real("alpha"), 0.0F);
}

std::unique_ptr<Kernel> make_hard_sigmoid(const Node& node) {
  return std::make_unique<Pointwise>(node, hard_sigmoid_pixels, node.real("alpha"),
                                     node.real("beta"));
}

std::unique_ptr<Kernel> make_selu(const Node& node) {
  return std::make_unique<Pointwise>(node, selu_pixels, node.real("alpha"), node.real("gamma"));
}

std::unique_ptr<Kernel> make_gelu(const Node& node) {
  const std::string approximate = node.text("approximate");
  if (approximate != "none" && approximate != "tanh") {
    throw KernelError("its approximate is '" + approximate + "', it has to be 'none' or 'tanh'");
  }
  const Function function = approximate == "none" ? gelu_pixels : gelu_tanh_pixels;
  return std::make_unique<Pointwise>(node, function, 0.0F, 0.0F);
}

}  // namespace

std::vector<Operator> pointwise_operators() {
  using enum ort::ElementType;
  const std::vector<ort::ElementType> inputs(5, kFloat);
  return {{"JpegAbs", inputs, plain<abs_pixels>},
          {"JpegAtan", inputs, plain<atan_pixels>},
          {"JpegCelu", inputs, with_alpha<celu_pixels>},
          {"JpegCos", inputs, plain<cos_pixels>},
          {"JpegElu", inputs, with_alpha<elu_pixels>},
          {"JpegErf", inputs, plain<erf_pixels>},
          {"JpegExp", inputs, plain<exp_pixels>},
          {"JpegGelu", inputs, make_gelu},
          {"JpegHardSigmoid", inputs, make_hard_sigmoid},
          {"JpegHardSwish", inputs, plain<hard_swish_pixels>},
          {"JpegMish", inputs, plain<mish_pixels>},
          {"JpegSelu", inputs, make_selu},
          {"JpegSigmoid", inputs, plain<sigmoid_pixels>},
          {"JpegSilu", inputs, plain<silu_pixels>},
          {"JpegSin", inputs, plain<sin_pixels>},
          {"JpegSoftplus", inputs, plain<softplus_pixels>},
          {"JpegSoftsign", inputs, plain<softsign_pixels>},
          {"JpegTanh", inputs, plain<tanh_pixels>}};
}

}  // namespace jpegcompile
