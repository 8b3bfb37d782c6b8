// JpegTruncate: coefficients beyond the band of few frequencies become zero.
#include <algorithm>

#include "../native/operators.h"
#include "../native/strips.h"
#include "../native/tile_kernel.h"
#include "../native/tiles.h"

namespace jpegcompile {
namespace {

class Truncate : public TileKernel {
 public:
  explicit Truncate(const Node& node) : TileKernel(node) {}

  void compute(const Call& call) const override {
    const auto [from, to, x, y] = maps(call);
    const int frequencies = band_frequencies(call.input(1), from, block_);
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
