#include "channel_affine.h"

#include <string>

#include "strips.h"

namespace jpegcompile {
namespace {

template <typename Isa>
JPEGCOMPILE_INLINE void affine_body(const AffineRows& rows) {
  using V = typename Isa::Vector;
  const int64_t pitch = rows.width * kLanes;
  for (int lane = 0; lane < kLanes; lane += kWidth<V>) {
    const V scale = load<V>(rows.scale + lane), shift = load<V>(rows.shift + lane);
    for (int64_t row = 0; row < rows.rows; ++row) {
      const float* from = rows.from + row * pitch + lane;
      float* to = rows.to + row * pitch + lane;
      for (int64_t column = 0; column < pitch; column += kLanes) {
        store<V>(to + column, load<V>(from + column) * scale);
      }
      if (row % rows.block != 0) continue;
      for (int64_t column = 0; column < pitch; column += rows.block * kLanes) {
        store<V>(to + column, load<V>(from + column) * scale + shift);
      }
    }
  }
}

}  // namespace

JPEGCOMPILE_MULTIVERSION(affine_rows, affine_body, AffineRows)

Broadcast flat_operand(const Tensor& operand, const Map& map, const char* name) {
  const Broadcast broadcast(operand, map, name);
  if (broadcast.is_flat()) return broadcast;
  throw KernelError(std::string(name) + " of shape " + operand.shape.text() +
                    " varies over the height and width of x of shape " + map.shape().text());
}

void ChannelAffineKernel::run(const Call& call, const Maps& maps,
                              const std::optional<Broadcast>& scale,
                              const std::optional<Broadcast>& shift, float sign) const {
  // A constant over a tile of pixels is the DC coefficient constant * block.
  const float factor = sign * static_cast<float>(block_);
  map_strips(call, maps.from, maps.x, maps.to, maps.y, block_,
             [&](const Strip& strip, const float* source, float* target) {
               float* scales = task_floats(1, 2 * kLanes);
               float* shifts = scales + kLanes;
               std::fill_n(scales, kLanes, 1.0F);
               std::fill_n(shifts, kLanes, 0.0F);
               if (scale) scale->lanes(strip.image, strip.group, scales);
               if (shift) shift->lanes(strip.image, strip.group, shifts);
               for (int lane = 0; lane < kLanes; ++lane) shifts[lane] *= factor;
               affine_rows({source, target, strip.count, maps.from.width, block_, scales, shifts});
             });
}

}  // namespace jpegcompile
