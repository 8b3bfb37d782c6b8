// JpegSigmoid, JpegSilu and the other functions of each pixel: inverse transform, function,
// transform.
#include <algorithm>
#include <string>

#include "common/tile_kernel.h"
#include "ort/operators.h"
#include "pointwise/pixels.h"
#include "pointwise/program.h"
#include "tiles/tiles.h"
#include "work/strips.h"

namespace jpegcompile {
namespace {

// Operators for programs, of which a model gives each another one. A function body belongs to a name,
// so one name does not do.
constexpr int kProgrammed = 32;

// Calls work(pixels, count, strip) with a row of tiles at a time, which stays in the nearest cache,
// between transforms.
template <typename Work>
void for_tile_rows(const Call& call, const TileKernel::Maps& maps, int block, const Work& work) {
  const auto& [from, to, x, y] = maps;
  map_tiles(call, from, x, to, y, block, [&](const Strip& strip, Tiles source, float* target) {
    const int64_t floats = block * from.pitch();
    for (int64_t row = 0; row < strip.count; row += block) {
      inverse_rows({source, target, block, from.width, block, from.pitch()});
      work(target, floats, strip);
      if (block > 1) forward_rows({target, target, block, from.width, block});
      source.first += source.at.tile_row, target += floats;
    }
  });
}

class Pointwise : public TileKernel {
 public:
  Pointwise(const Node& node, PixelFunction function, float a, float b)
      : TileKernel(node), function_(function), a_(a), b_(b) {}

  void compute(const Call& call) const override {
    for_tile_rows(call, maps(call), block_, [&](float* pixels, int64_t count, const Strip&) {
      function_({pixels, pixels, count, a_, b_});
    });
  }

 private:
  PixelFunction function_;
  float a_, b_;
};

// A function that the graph spells by several nodes.
class Programmed : public TileKernel {
 public:
  explicit Programmed(const Node& node) : TileKernel(node), program_(node.text("program")) {}

  void compute(const Call& call) const override {
    const Tensor constants = call.input(1);
    const Maps given = maps(call);
    const int64_t channels = given.from.channels;
    const Shape& shape = constants.shape;
    if (shape.rank() != 4 || shape[0] < program_.constants() ||
        (shape[1] != 1 && shape[1] != channels) || shape[2] != 1 || shape[3] != 1) {
      throw KernelError("constants have shape " + shape.text() + ", " +
                        std::to_string(program_.constants()) + " for " + std::to_string(channels) +
                        " channels are needed");
    }
    for_tile_rows(call, given, block_, [&](float* pixels, int64_t count, const Strip& strip) {
      float* lanes = task_floats(2, static_cast<size_t>((program_.constants() + 1) * kLanes));
      const int64_t first = strip.group * kLanes;
      for (int64_t number = 0; number < program_.constants(); ++number) {
        const float* values = constants.floats() + number * shape[1];
        for (int64_t lane = 0; lane < kLanes; ++lane) {
          // Lanes without a channel hold what the last one does.
          const int64_t channel = std::min(first + lane, channels - 1);
          lanes[number * kLanes + lane] = values[shape[1] == 1 ? 0 : channel];
        }
      }
      program_.run(pixels, count, lanes);
    });
  }

 private:
  Program program_;
};

template <PixelFunction function>
std::unique_ptr<Kernel> plain(const Node& node) {
  return std::make_unique<Pointwise>(node, function, 0.0F, 0.0F);
}

template <PixelFunction function>
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
  const PixelFunction function = approximate == "none" ? gelu_pixels : gelu_tanh_pixels;
  return std::make_unique<Pointwise>(node, function, 0.0F, 0.0F);
}

}  // namespace

std::vector<Operator> pointwise_operators() {
  using enum ElementType;
  const std::vector<ElementType> inputs(5, kFloat);
  std::vector<Operator> all = {
          {"JpegAbs", inputs, plain<abs_pixels>},
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
  for (int number = 1; number <= kProgrammed; ++number) {
    all.push_back({"JpegPointwise_" + std::to_string(number),
                   std::vector<ElementType>(6, kFloat), make_kernel<Programmed>});
  }
  return all;
}

}  // namespace jpegcompile
