// JpegSigmoid, JpegSilu and the other per-pixel functions: inverse DCT, function, forward DCT.
#include <algorithm>

#include "common/tile_kernel.h"
#include "generated/makers.h"
#include "pixelwise/gelu.h"
#include "pixelwise/pixels.h"
#include "pixelwise/program.h"
#include "tiles/tiles.h"
#include "work/strips.h"

namespace jpegcompile {
namespace {

// Calls work(pixels, count, strip) for each row of tiles, between the inverse and the forward
// transform. A row of tiles stays in the L1 cache.
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

class Pixelwise : public TileKernel {
 public:
  Pixelwise(const Node& node, PixelFunction function, float a, float b)
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

// A per-pixel function that several nodes of the original graph compute.
class Programmed : public TileKernel {
 public:
  explicit Programmed(const Node& node) : TileKernel(node), program_(node.text("program")) {}

  void compute(const Call& call) const override {
    const Tensor constants = call.input(In::kConstants);
    const Maps given = maps(call);
    const int64_t channels = given.from.channels;
    const Shape& shape = constants.shape;
    program_.check_constants(shape, channels);
    for_tile_rows(call, given, block_, [&](float* pixels, int64_t count, const Strip& strip) {
      float* lanes = task_floats(2, static_cast<size_t>((program_.constants() + 1) * kLanes));
      const int64_t first = strip.group * kLanes;
      for (int64_t number = 0; number < program_.constants(); ++number) {
        const float* values = constants.floats() + number * shape[1];
        for (int64_t lane = 0; lane < kLanes; ++lane) {
          // Lanes without a channel repeat the last channel.
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

}  // namespace

// Defines kernels of functions without attributes.
#define JPEGCOMPILE_PLAIN(name)                                                \
  std::unique_ptr<Kernel> make_##name(const Node& node) {                      \
    return std::make_unique<Pixelwise>(node, name##_pixels, 0.0F, 0.0F);       \
  }

JPEGCOMPILE_PLAIN(abs)
JPEGCOMPILE_PLAIN(atan)
JPEGCOMPILE_PLAIN(cos)
JPEGCOMPILE_PLAIN(erf)
JPEGCOMPILE_PLAIN(exp)
JPEGCOMPILE_PLAIN(hard_swish)
JPEGCOMPILE_PLAIN(mish)
JPEGCOMPILE_PLAIN(sigmoid)
JPEGCOMPILE_PLAIN(silu)
JPEGCOMPILE_PLAIN(sin)
JPEGCOMPILE_PLAIN(softplus)
JPEGCOMPILE_PLAIN(softsign)
JPEGCOMPILE_PLAIN(tanh)

std::unique_ptr<Kernel> make_celu(const Node& node) {
  return std::make_unique<Pixelwise>(node, celu_pixels, node.real("alpha"), 0.0F);
}

std::unique_ptr<Kernel> make_elu(const Node& node) {
  return std::make_unique<Pixelwise>(node, elu_pixels, node.real("alpha"), 0.0F);
}

std::unique_ptr<Kernel> make_hard_sigmoid(const Node& node) {
  return std::make_unique<Pixelwise>(node, hard_sigmoid_pixels, node.real("alpha"),
                                     node.real("beta"));
}

std::unique_ptr<Kernel> make_selu(const Node& node) {
  return std::make_unique<Pixelwise>(node, selu_pixels, node.real("alpha"), node.real("gamma"));
}

std::unique_ptr<Kernel> make_gelu(const Node& node) {
  const PixelFunction function = is_by_tanh(node) ? gelu_tanh_pixels : gelu_pixels;
  return std::make_unique<Pixelwise>(node, function, 0.0F, 0.0F);
}

std::unique_ptr<Kernel> make_program(const Node& node) {
  return std::make_unique<Programmed>(node);
}

}  // namespace jpegcompile
