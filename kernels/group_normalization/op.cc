// JpegGroupNormalization and SpatialGroupNormalization: normalize groups of channels of each image
// by their mean and variance, both computed from coefficients.
#include <algorithm>
#include <cmath>

#include "common/channel_affine.h"
#include "common/tile_kernel.h"
#include "generated/makers.h"
#include "group_normalization/groups.h"
#include "group_normalization/moments.h"
#include "tiles/broadcast.h"
#include "work/strips.h"

namespace jpegcompile {
namespace {

// Three numbers for each of 16 channels: the sums of a strip, or the factors that normalize
// channels.
constexpr int64_t kNumbers = 3 * kLanes;

// Division of all groups of channels of all images into strips, in memory order. An item consists
// of several strips and outweighs the cost of handing it to a thread. The division does not depend
// on the number of threads.
struct Cut {
  Cut(const Map& map, int block) : map(map) {
    const int64_t tiles = map.height / block;
    const int64_t most = std::clamp<int64_t>(kTaskFloats / (block * map.pitch()), 1, tiles);
    height = ceil_div(tiles, ceil_div(tiles, most)) * block;
    strips = ceil_div(map.height, height);
    each = std::max<int64_t>(1, kTaskFloats / (height * map.pitch()));
  }

  int64_t count() const { return map.batch * map.groups() * strips; }
  size_t items() const { return static_cast<size_t>(ceil_div(count(), each)); }
  int64_t rows_of(int64_t strip) const { return std::min(height, map.height - strip * height); }
  Strip at(int64_t index) const {
    const int64_t plane = index / strips, strip = index % strips;
    return {plane / map.groups(), plane % map.groups(), strip * height, rows_of(strip)};
  }
  template <typename Work>
  void for_item(size_t item, const Work& work) const {
    const int64_t first = static_cast<int64_t>(item) * each;
    for (int64_t index = first; index < std::min(count(), first + each); ++index) {
      work(index, at(index));
    }
  }

  const Map& map;
  int64_t height = 0, strips = 0, each = 0;
};

class GroupNormalization : public TileKernel {
 public:
  explicit GroupNormalization(const Node& node)
      : TileKernel(node), groups_(node.integer("groups")) {}

  void compute(const Call& call) const override {
    const auto [from, to, x, y] = maps(call);
    const Broadcast scale = flat_operand(call.input(In::kScale), from, "scale");
    const Broadcast shift = flat_operand(call.input(In::kShift), from, "shift");
    const float epsilon = number(call.input(In::kEpsilon), "epsilon");
    check_groups(from, groups_);
    if (from.is_empty()) return;
    const Cut cut(from, block_);
    const auto planes = static_cast<size_t>(from.batch * from.groups());
    const auto numbers = static_cast<size_t>(kNumbers);
    Workspace workspace;
    float* sums =
        workspace.floats((static_cast<size_t>(cut.count()) + planes) * numbers);
    float* factors = sums + static_cast<size_t>(cut.count()) * numbers;
    const auto measure = [&](size_t item) {
      cut.for_item(item, [&](int64_t index, const Strip& strip) {
        const auto floats = static_cast<size_t>(strip.count * from.pitch());
        const float* rows = read_rows(from, x, strip.image, strip.group, strip.row, strip.count,
                                      task_floats(0, floats));
        measure_rows({rows, strip.count, from.width, block_, sums + index * kNumbers});
      });
    };
    const auto combine = [&](size_t item) {
      const auto index = static_cast<int64_t>(item);
      const Statistics found = statistics(cut, sums, index / groups_, index % groups_);
      set_factors(from, found, {scale, shift, static_cast<double>(epsilon)}, index,
                  factors);
    };
    const auto normalize = [&](size_t item) {
      cut.for_item(item, [&](int64_t, const Strip& strip) {
        const auto [image, group, row, count] = strip;
        const auto floats = static_cast<size_t>(count * from.pitch());
        float* scratch = task_floats(0, 2 * floats);
        const float* rows = read_rows(from, x, image, group, row, count, scratch);
        float* target = rows_target(to, y, image, group, row, scratch + floats);
        normalize_rows({rows, target, count, from.width, block_,
                        factors + (image * from.groups() + group) * kNumbers});
        write_rows(to, y, image, group, row, count, target);
      });
    };
    call.in_turn(Stage{cut.items(), measure},
                 Stage{static_cast<size_t>(from.batch * groups_), combine},
                 Stage{cut.items(), normalize});
  }

 private:
  struct Statistics {
    double mean, variance;
  };
  struct Parameters {
    const Broadcast &scale, &shift;
    double epsilon;
  };

  // Statistics of all pixels of the channels of a group. Sums about one number are converted
  // exactly to sums about another:
  //
  //   sum (p - m)^2 = sum (p - c)^2 + 2 (c - m) sum (p - c) + n (c - m)^2.
  Statistics statistics(const Cut& cut, const float* sums, int64_t image, int64_t group) const {
    const Map& map = cut.map;
    const int64_t channels = map.channels / groups_;
    const auto for_sums = [&](const auto& work) {
      for (int64_t channel = group * channels; channel < (group + 1) * channels; ++channel) {
        const int64_t plane = image * map.groups() + channel / kLanes;
        for (int64_t strip = 0; strip < cut.strips; ++strip) {
          const float* at = sums + (plane * cut.strips + strip) * kNumbers + channel % kLanes;
          const double pixels = static_cast<double>(cut.rows_of(strip) * map.width);
          work(pixels, static_cast<double>(at[0]), static_cast<double>(at[kLanes]),
               static_cast<double>(at[2 * kLanes]));
        }
      }
    };
    const double pixels = static_cast<double>(channels * map.plane());
    double sum = 0;
    for_sums([&](double count, double center, double residual, double) {
      sum += count * center + residual;
    });
    const double mean = sum / pixels;
    double squares = 0;
    for_sums([&](double count, double center, double residual, double of_strip) {
      const double moved = center - mean;
      squares += of_strip + moved * (2 * residual + count * moved);
    });
    return {mean, std::max(squares, 0.0) / pixels};
  }

  void set_factors(const Map& map, const Statistics& found, const Parameters& given, int64_t index,
                   float* factors) const {
    const int64_t image = index / groups_, channels = map.channels / groups_;
    const double block = block_, root = std::sqrt(found.variance + given.epsilon);
    const auto center = static_cast<float>(found.mean * block);
    for (int64_t channel = index % groups_ * channels, end = channel + channels; channel < end;
         ++channel) {
      const int64_t plane = image * map.groups() + channel / kLanes;
      float* at = factors + plane * kNumbers + channel % kLanes;
      const double scale = given.scale.at(image, channel) / root;
      at[0] = static_cast<float>(scale);
      at[kLanes] = center;
      // Compensates the rounding of the center.
      at[2 * kLanes] = static_cast<float>(given.shift.at(image, channel) * block -
                                          (found.mean * block - center) * scale);
    }
  }

  int64_t groups_;
};

}  // namespace

std::unique_ptr<Kernel> make_group_normalization(const Node& node) {
  return std::make_unique<GroupNormalization>(node);
}

}  // namespace jpegcompile
