// JpegChannelMean and JpegChannelSum on coefficients; JpegChannelMax and JpegChannelMin on pixels.
// All of them reduce the channels of a map to one channel.
#include <algorithm>

#include "generated/makers.h"
#include "tiles/extrema.h"
#include "tiles/tiles.h"
#include "work/strips.h"

namespace jpegcompile {
namespace {

// For `combine`: pixels of 16 channels [count][16], and the result for previous groups of channels,
// [count][16]. For `join`: the result for all groups [count][16], and the final pixels [count].
struct Lanes {
  const float* from;
  float* made;
  int64_t count;
};

struct Total {
  template <typename V>
  JPEGCOMPILE_INLINE static V of(const V& a, const V& b) {
    return a + b;
  }
};

// Combines two groups of channels, lane by lane.
template <typename Function, typename V>
JPEGCOMPILE_INLINE void combine(const Lanes& lanes) {
  for (int64_t index = 0; index < lanes.count * kLanes; index += kWidth<V>) {
    const V made = load<V>(lanes.made + index);
    store<V>(lanes.made + index, Function::of(made, load<V>(lanes.from + index)));
  }
}

// Reduces the lanes of each pixel: [count][16] to [count].
template <typename Function>
JPEGCOMPILE_INLINE void join(const Lanes& lanes) {
  for (int64_t pixel = 0; pixel < lanes.count; ++pixel) {
    const float* from = lanes.from + pixel * kLanes;
    float made[kLanes];
    std::copy_n(from, kLanes, made);
    for (int64_t half = kLanes / 2; half > 0; half /= 2) {
      for (int64_t lane = 0; lane < half; ++lane) {
        made[lane] = Function::of(made[lane], made[lane + half]);
      }
    }
    lanes.made[pixel] = made[0];
  }
}

#define JPEGCOMPILE_OF_CHANNELS(name, Function)                        \
  template <typename Isa>                                              \
  JPEGCOMPILE_INLINE void combine_##name##_body(const Lanes& lanes) {  \
    combine<Function, typename Isa::Vector>(lanes);                    \
  }                                                                    \
  template <typename Isa>                                              \
  JPEGCOMPILE_INLINE void join_##name##_body(const Lanes& lanes) {     \
    join<Function>(lanes);                                             \
  }                                                                    \
  JPEGCOMPILE_MULTIVERSION(combine_##name, combine_##name##_body, Lanes) \
  JPEGCOMPILE_MULTIVERSION(join_##name, join_##name##_body, Lanes)

JPEGCOMPILE_OF_CHANNELS(total, Total)
JPEGCOMPILE_OF_CHANNELS(largest, Largest)
JPEGCOMPILE_OF_CHANNELS(smallest, Smallest)

struct Functions {
  void (*combine)(const Lanes&);
  void (*join)(const Lanes&);
  bool is_linear, is_mean;
};

class ReduceChannels : public Kernel {
 public:
  ReduceChannels(const Node& node, const Functions& functions)
      : functions_(functions),
        block_(functions.is_linear ? 1 : node.block("block")),
        x_group_(node.group(In::kX)) {}

  void compute(const Call& call) const override {
    const Tensor x = call.input(In::kX);
    const Map from = Map::of(x.shape, x_group_, "x");
    check_tiles(from, block_, "x");
    const Map to{from.batch, 1, from.height, from.width};
    float* y = call.output_floats(Out::kY, to.shape());
    if (to.is_empty()) return;
    if (from.channels == 0) throw KernelError("x of shape " + x.shape.text() + " has no channels");
    for_strips(call, to, block_, block_ * from.groups() * from.pitch(), [&](const Strip& strip) {
      const auto [image, group, row, count] = strip;
      const int64_t pixels = count * from.width;
      const auto floats = static_cast<size_t>(pixels * kLanes);
      float* made = task_floats(0, 3 * floats);
      reduce(from, x.floats(), strip, made, made + floats);
      float* target = y + image * to.plane() + row * to.width;
      functions_.join({made, made + floats, pixels});
      if (block_ == 1) {
        const float factor = functions_.is_mean ? 1.0F / static_cast<float>(from.channels) : 1.0F;
        std::transform(made + floats, made + floats + pixels, target,
                       [factor](float value) { return value * factor; });
        return;
      }
      // The result is in lane 0; the other lanes are zero.
      float* lanes = made + 2 * floats;
      std::fill_n(lanes, floats, 0.0F);
      for (int64_t pixel = 0; pixel < pixels; ++pixel) lanes[pixel * kLanes] = made[floats + pixel];
      forward_rows({lanes, lanes, count, from.width, block_});
      write_rows(to, y, image, group, row, count, lanes);
    });
  }

 private:
  // Combines all groups of channels, lane by lane. `scratch` must have room for two strips.
  void reduce(const Map& from, const float* x, const Strip& strip, float* made,
              float* scratch) const {
    const int64_t pixels = strip.count * from.width;
    for (int64_t group = 0; group < from.groups(); ++group) {
      float* rows = group == 0 ? made : scratch;
      const float* read = read_rows(from, x, strip.image, group, strip.row, strip.count,
                                    scratch + pixels * kLanes);
      if (block_ > 1 || group == 0) {
        inverse_rows({{read, layout_of(from, block_)}, rows, strip.count, from.width, block_,
                      from.pitch()});
        read = rows;
      }
      const int64_t channels = from.channels_in(group);
      if (channels < kLanes && !functions_.is_linear) {
        read = repeated(read, rows, pixels, channels);
      }
      if (group > 0) functions_.combine({read, made, pixels});
    }
  }

  // Fills lanes past the last channel with copies of it, which change no maximum or minimum.
  static const float* repeated(const float* read, float* rows, int64_t pixels, int64_t channels) {
    for (int64_t pixel = 0; pixel < pixels; ++pixel) {
      const float* from = read + pixel * kLanes;
      float* to = rows + pixel * kLanes;
      if (from != to) std::copy_n(from, channels, to);
      std::fill(to + channels, to + kLanes, from[channels - 1]);
    }
    return rows;
  }

  Functions functions_;
  int block_;
  int64_t x_group_;
};

}  // namespace

std::unique_ptr<Kernel> make_channel_mean(const Node& node) {
  return std::make_unique<ReduceChannels>(node, Functions{combine_total, join_total, true, true});
}
std::unique_ptr<Kernel> make_channel_sum(const Node& node) {
  return std::make_unique<ReduceChannels>(node, Functions{combine_total, join_total, true, false});
}
std::unique_ptr<Kernel> make_channel_max(const Node& node) {
  return std::make_unique<ReduceChannels>(node,
                                          Functions{combine_largest, join_largest, false, false});
}
std::unique_ptr<Kernel> make_channel_min(const Node& node) {
  return std::make_unique<ReduceChannels>(node,
                                          Functions{combine_smallest, join_smallest, false, false});
}

}  // namespace jpegcompile
