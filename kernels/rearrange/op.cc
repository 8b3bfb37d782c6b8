// JpegSpaceToDepth and JpegDepthToSpace: pixels become channels, and channels become pixels.
//
// The first stage computes all pixels of some images, in groups of channels. The second stage
// gathers rows of the result from these pixels, and transforms them.
#include <algorithm>

#include "generated/makers.h"
#include "rearrange/rules.h"
#include "tiles/tiles.h"
#include "work/strips.h"

namespace jpegcompile {
namespace {

// The input element that an element of the result is copied from.
struct Origin {
  int64_t channel, row, column;
};

struct SpaceToDepth : SpaceToDepthMaps {
  static Origin origin(const Map& from, const Map&, int64_t side, const Origin& at) {
    const int64_t pixel = at.channel / from.channels;
    return {at.channel % from.channels, at.row * side + pixel / side,
            at.column * side + pixel % side};
  }
};

struct DepthToSpace : DepthToSpaceMaps {
  static Origin origin(const Map&, const Map& to, int64_t side, const Origin& at) {
    const int64_t pixel = at.row % side * side + at.column % side;
    return {pixel * to.channels + at.channel, at.row / side, at.column / side};
  }
};

template <typename Rule>
class Rearrange : public Kernel {
 public:
  explicit Rearrange(const Node& node)
      : side_(side_of(node)),
        input_block_(node.block("input_block")),
        output_block_(node.block("output_block")),
        x_group_(node.group(In::kX)),
        y_group_(node.group(Out::kY)) {}

  void compute(const Call& call) const override {
    const Tensor x = call.input(In::kX);
    const Map from = Map::of(x.shape, x_group_, "x");
    check_tiles(from, input_block_, "x");
    const Map to = Map::of(rearranged<Rule>(from, side_).shape(), y_group_, "y");
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
  // `pixels` must have room for the pixels of all images of `from`, in groups.
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
    // If aligned, all channels of a group are contiguous in the input.
    const bool is_aligned = Rule::channels_in_a_row(from, to) % kLanes == 0;
    const int64_t run = is_aligned ? kLanes : 1;
    for (int64_t row = strip.row; row < strip.row + strip.count; ++row) {
      for (int64_t column = 0; column < to.width; ++column, target += kLanes) {
        for (int64_t lane = 0; lane < lanes; lane += run) {
          const Origin at = Rule::origin(from, to, side_, {channel + lane, row, column});
          std::copy_n(place(from, pixels, strip.image, at), run, target + lane);
        }
        std::fill(target + lanes, target + kLanes, 0.0F);
      }
    }
  }

  int64_t side_;
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
