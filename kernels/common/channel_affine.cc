#include "common/channel_affine.h"

#include "work/strips.h"

namespace jpegcompile {
namespace {

struct AffineRows {
  const float* from;
  float* to;
  int64_t rows, width;
  int block;
  const float* scale;  // [16]
  const float* shift;  // [16], for DC coefficients
};

template <typename Isa>
JPEGCOMPILE_INLINE void lanes_body(const AffineRows& rows) {
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

// The same for a plane, whose scale and shift are one number each.
template <typename Isa>
JPEGCOMPILE_INLINE void plane_body(const AffineRows& rows) {
  using V = typename Isa::Vector;
  const int64_t count = rows.rows * rows.width;
  const float scale = *rows.scale, shift = *rows.shift;
  int64_t index = 0;
  for (; index + kWidth<V> <= count; index += kWidth<V>) {
    store<V>(rows.to + index, load<V>(rows.from + index) * scale);
  }
  for (; index < count; ++index) rows.to[index] = rows.from[index] * scale;
  if (shift == 0) return;
  for (int64_t row = 0; row < rows.rows; row += rows.block) {
    for (int64_t column = 0; column < rows.width; column += rows.block) {
      const int64_t dc = row * rows.width + column;
      rows.to[dc] = rows.from[dc] * scale + shift;
    }
  }
}

JPEGCOMPILE_MULTIVERSION(affine_lanes, lanes_body, AffineRows)
JPEGCOMPILE_MULTIVERSION(affine_plane, plane_body, AffineRows)

// Scale and shift of the 16 channels of a strip.
struct Factors {
  Factors(const Strip& strip, const std::optional<Broadcast>& scales,
          const std::optional<Broadcast>& shifts, float factor) {
    std::fill_n(scale, kLanes, 1.0F);
    if (scales) scales->lanes(strip.image, strip.group, scale);
    if (shifts) shifts->lanes(strip.image, strip.group, shift);
    for (float& lane : shift) lane *= factor;
  }

  float scale[kLanes], shift[kLanes] = {};
};

}  // namespace

void ChannelAffineKernel::run(const Call& call, const Maps& given,
                              const std::optional<Broadcast>& scale,
                              const std::optional<Broadcast>& shift, float sign) const {
  Maps maps = given;
  maps.to = Map::of(maps.to.shape(), y_group_, block_, y_frequencies_, "y");
  check_places(maps.to, block_, maps.from.frequencies(block_));
  // A constant over a tile of pixels has the DC coefficient constant * block.
  const float factor = sign * static_cast<float>(block_);
  if (maps.to.is_compact) return run_compact(call, maps, scale, shift, factor);
  if (!maps.from.is_grouped && !maps.to.is_grouped) {
    return run_planes(call, maps, scale, shift, factor);
  }
  map_strips(call, maps.from, maps.x, maps.to, maps.y, block_,
             [&](const Strip& strip, const float* source, float* target) {
               const Factors lanes(strip, scale, shift, factor);
               affine_lanes({source, target, strip.count, maps.from.width, block_, lanes.scale,
                             lanes.shift});
             });
}

void ChannelAffineKernel::run_compact(const Call& call, const Maps& maps,
                                      const std::optional<Broadcast>& scale,
                                      const std::optional<Broadcast>& shift, float factor) const {
  const Map& map = maps.to;
  check_same_places(maps.from, map, block_);
  // Each compact tile is processed as one row whose first element is DC.
  const auto coefficients = static_cast<int>(map.band.count());
  const TileLayout at = layout_of(map, block_);
  for_strips(call, map, block_, at.tile_row, [&](const Strip& strip) {
    const Factors lanes(strip, scale, shift, factor);
    const int64_t first = tile_offset(map, at, block_, strip.image, strip.group, strip.row, 0);
    const int64_t floats = strip.count / block_ * at.tile_row;
    affine_lanes({maps.x + first, maps.y + first, 1, floats / kLanes, coefficients, lanes.scale,
                  lanes.shift});
  });
}

void ChannelAffineKernel::run_planes(const Call& call, const Maps& maps,
                                     const std::optional<Broadcast>& scale,
                                     const std::optional<Broadcast>& shift, float factor) const {
  const Map& map = maps.from;
  for_ranges(call, map.batch * map.channels, map.plane(), [&](int64_t first, int64_t last) {
    for (int64_t index = first; index < last; ++index) {
      const int64_t image = index / map.channels, channel = index % map.channels;
      const float scaling = scale ? scale->at(image, channel) : 1.0F;
      const float shifting = shift ? shift->at(image, channel) * factor : 0.0F;
      affine_plane({maps.x + index * map.plane(), maps.y + index * map.plane(), map.height,
                    map.width, block_, &scaling, &shifting});
    }
  });
}

}  // namespace jpegcompile
