// JpegTruncate: coefficients beyond the band of few frequencies become zero.
#include <algorithm>

#include "../native/operators.h"
#include "../native/strips.h"
#include "../native/tile_kernel.h"
#include "../native/tiles.h"

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
  explicit Truncate(const Node& node) : TileKernel(node) {}

  void compute(const Call& call) const override {
    const auto [from, to, x, y] = maps(call);
    const Tensor band = call.input(1);
    const int frequencies = band_frequencies(band, from, block_);
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

  // Keeps the first `kept` pixels of each tile.
  void truncate_row(const float* from, float* to, int64_t pitch, int kept) const {
    const int64_t tile = block_ * kLanes;
    const int64_t inside = std::clamp(kept, 0, block_) * kLanes;
    for (int64_t first = 0; first < pitch; first += tile) {
      std::copy_n(from + first, inside, to + first);
      std::fill_n(to + first + inside, tile - inside, 0.0F);
    }
  }
};

}  // namespace

std::vector<Operator> truncate_operators() {
  using enum ort::ElementType;
  return {{"JpegTruncate", {kFloat, kFloat}, make_kernel<Truncate>}};
}

}  // namespace jpegcompile
