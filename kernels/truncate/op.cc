// JpegTruncate: coefficients outside of the band of low frequencies become zero.
#include <algorithm>
#include <string>

#include "common/tile_kernel.h"
#include "generated/makers.h"
#include "tiles/tiles.h"
#include "work/strips.h"

namespace jpegcompile {
namespace {

struct Masked {
  const float* from;
  const float* band;
  float* to;
  int64_t count;
};

template <typename Isa>
JPEGCOMPILE_INLINE void mask_body(const Masked& plane) {
  using V = typename Isa::Vector;
  int64_t index = 0;
  for (; index + kWidth<V> <= plane.count; index += kWidth<V>) {
    store<V>(plane.to + index, load<V>(plane.from + index) * load<V>(plane.band + index));
  }
  for (; index < plane.count; ++index) plane.to[index] = plane.from[index] * plane.band[index];
}

JPEGCOMPILE_MULTIVERSION(mask_plane, mask_body, Masked)

class Truncate : public TileKernel {
 public:
  explicit Truncate(const Node& node)
      : TileKernel(node), y_frequencies_(node.frequencies(Out::kY)) {}

  void compute(const Call& call) const override {
    const auto [from, to, x, y] = maps(call);
    const Tensor band = call.input(In::kBand);
    const int frequencies = band_frequencies(band, from, block_);
    const Map kept = Map::of(to.shape(), y_group_, block_, y_frequencies_, "y");
    if (kept.is_compact) return compact(call, from, x, kept, frequencies, y);
    if (!from.is_grouped && !to.is_grouped) return mask_planes(call, from, x, band.floats(), y);
    map_strips(call, from, x, to, y, block_,
               [&](const Strip& strip, const float* source, float* target) {
                 for (int64_t row = 0; row < strip.count; ++row) {
                   const auto u = static_cast<int>(row % block_);
                   truncate_row(source, target, from.pitch(), frequencies - u);
                   source += from.pitch(), target += from.pitch();
                 }
               });
  }

 private:
  static void mask_planes(const Call& call, const Map& map, const float* x, const float* band,
                          float* y) {
    const int64_t plane = map.plane();
    for_ranges(call, map.batch * map.channels, plane, [&](int64_t first, int64_t last) {
      for (int64_t index = first; index < last; ++index) {
        mask_plane({x + index * plane, band, y + index * plane, plane});
      }
    });
  }

  void compact(const Call& call, const Map& from, const float* x, const Map& to, int frequencies,
               float* y) const {
    check_places(to, block_, frequencies);
    const TileLayout source = TileLayout::in_rows(block_, from.pitch());
    const TileLayout target = layout_of(to, block_);
    for_strips(call, from, block_, block_ * from.pitch(), [&](const Strip& strip) {
      const auto [image, group, row, count] = strip;
      float* scratch = task_floats(0, static_cast<size_t>(count * from.pitch()));
      const float* rows = read_rows(from, x, image, group, row, count, scratch);
      for (int64_t y_row = 0; y_row < count; y_row += block_) {
        for (int64_t column = 0; column < from.width; column += block_) {
          compact_tile(rows + y_row * from.pitch() + column * kLanes, source,
                       y + tile_offset(to, target, block_, image, group, row + y_row, column),
                       target, frequencies);
        }
      }
    });
  }

  static void compact_tile(const float* from, const TileLayout& source, float* to,
                           const TileLayout& target, int frequencies) {
    for (size_t u = 0; u < static_cast<size_t>(target.rows); ++u) {
      const int places = target.count[u];
      const int kept = std::clamp(frequencies - static_cast<int>(u), 0, places);
      std::copy_n(from + source.row[u], kept * kLanes, to + target.row[u]);
      std::fill_n(to + target.row[u] + kept * kLanes, (places - kept) * kLanes, 0.0F);
    }
  }

  // Keeps the first `kept` coefficients of each tile's row, and sets the others to zero.
  void truncate_row(const float* from, float* to, int64_t pitch, int kept) const {
    const int64_t tile = block_ * kLanes;
    const int64_t inside = std::clamp(kept, 0, block_) * kLanes;
    for (int64_t first = 0; first < pitch; first += tile) {
      std::copy_n(from + first, inside, to + first);
      std::fill_n(to + first + inside, tile - inside, 0.0F);
    }
  }

  int64_t y_frequencies_;
};

}  // namespace

std::unique_ptr<Kernel> make_truncate(const Node& node) { return std::make_unique<Truncate>(node); }

}  // namespace jpegcompile
