// JpegSpaceToDepth and JpegDepthToSpace: pixels become channels, and channels pixels.
//
// All pixels of some images are made first, in groups of channels; then tasks gather rows of the
// result from them and transform these.
#include <algorithm>

#include "generated/makers.h"
#include "rearrange/rearrangement.h"
#include "tiles/tiles.h"
#include "work/strips.h"

namespace jpegcompile {
namespace {

// Where an element of the result comes from.
struct Origin {
  int64_t channel, row, column;
};

// As `Rearrangement` says.
struct SpaceToDepth {
  static constexpr bool kToDepth = true;

  static Origin origin(const Map& from, const Map&, int64_t side, const Origin& at) {
    const int64_t pixel = at.channel / from.channels;
    return {at.channel % from.channels, at.row * side + pixel / side,
            at.column * side + pixel % side};
  }
  // Channels in a row of the result that come from channels in a row of the map.
  static int64_t channels_in_a_row(const Map& from, const Map&) { return from.channels; }
};

struct DepthToSpace {
  static constexpr bool kToDepth = false;

  static Origin origin(const Map&, const Map& to, int64_t side, const Origin& at) {
    const int64_t pixel = at.row % side * side + at.column % side;
    return {pixel * to.channels + at.channel, at.row / side, at.column / side};
  }
  static int64_t channels_in_a_row(const Map&, const Map& to) { return to.channels; }
};

template <typename Rule>
class Rearrange : public Kernel {
 public:
  explicit Rearrange(const Node& node)
      : rearrangement_(node, Rule::kToDepth),
        input_block_(node.block("input_block")),
        output_block_(node.block("output_block")),
        x_group_(node.group(In::kX)),
        y_group_(node.group(Out::kY)) {}

  void compute(const Call& call) const override {
    const Tensor x = call.input(In::kX);
    const Map from = Map::of(x.shape, x_group_, "x");
    check_tiles(from, input_block_, "x");
    const Map to = rearrangement_.result(from, y_group_);
    check_tiles(to, output_block_, "y");
    float* y = call.output_floats(Out::kY, to.shape());
    const int64_t floats = from.groups() * kLanes * from.plane();
    const int64_t images = images_at_once(from.batch, floats);
    Workspace workspace;
    float* pixels = workspace.floats(static_cast<size_t>(images * floats));
    for (int64_t first = 0; first < from.batch; first += images) {
      Map source = from, target = to;
      source.batch = target.batch = std::min(images, from.batch - first);
      rearrange(call, source, x.floats() + first * from.image_floats(), pixels, target,
                y + first * to.image_floats());
    }
  }

 private:
  // `pixels` has room for those of all images of the maps, in groups.
  void rearrange(const Call& call, const Map& from, const float* x, float* pixels, const Map& to,
                 float* y) const {
    Map grouped = from;
    grouped.is_grouped = true;
    map_tiles(call, from, x, grouped, pixels, input_block_,
              [&](const Strip& strip, const Tiles& source, float* target) {
                inverse_rows({source, target, strip.count, from.width, input_block_,
                              from.pitch()});
              });
    for_strips(call, to, output_block_, output_block_ * to.pitch(), [&](const Strip& strip) {
      float* target = rows_target(
          to, y, strip.image, strip.group, strip.row,
          to.is_grouped ? nullptr : task_floats(1, static_cast<size_t>(strip.count * to.pitch())));
      gather(grouped, pixels, to, strip, target);
      if (output_block_ > 1) {
        forward_rows({target, target, strip.count, to.width, output_block_});
      }
      write_rows(to, y, strip.image, strip.group, strip.row, strip.count, target);
    });
  }

  static const float* place(const Map& from, const float* pixels, int64_t image, const Origin& at) {
    const int64_t plane = image * from.groups() + at.channel / kLanes;
    const int64_t pixel = (plane * from.height + at.row) * from.width + at.column;
    return pixels + pixel * kLanes + at.channel % kLanes;
  }

  void gather(const Map& from, const float* pixels, const Map& to, const Strip& strip,
              float* target) const {
    const int64_t channel = strip.group * kLanes, lanes = to.channels_in(strip.group);
    // Then all channels of a group stand side by side where they come from.
    const bool is_aligned = Rule::channels_in_a_row(from, to) % kLanes == 0;
    const int64_t run = is_aligned ? kLanes : 1;
    for (int64_t row = strip.row; row < strip.row + strip.count; ++row) {
      for (int64_t column = 0; column < to.width; ++column, target += kLanes) {
        for (int64_t lane = 0; lane < lanes; lane += run) {
          const Origin at = Rule::origin(from, to, rearrangement_.side(), {channel + lane, row, column});
          std::copy_n(place(from, pixels, strip.image, at), run, target + lane);
        }
        std::fill(target + lanes, target + kLanes, 0.0F);
      }
    }
  }

  Rearrangement rearrangement_;
  int input_block_, output_block_;
  int64_t x_group_, y_group_;
};

}  // namespace

std::unique_ptr<Kernel> make_space_to_depth(const Node& node) {
  return std::make_unique<Rearrange<SpaceToDepth>>(node);
}
std::unique_ptr<Kernel> make_depth_to_space(const Node& node) {
  return std::make_unique<Rearrange<DepthToSpace>>(node);
}

}  // namespace jpegcompile
