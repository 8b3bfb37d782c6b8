#include "tiles/map.h"

#include <string>

#include "tiles/transpose.h"

namespace jpegcompile {
namespace {

int64_t grouped_offset(const Map& map, int64_t image, int64_t group, int64_t row) {
  return ((image * map.groups() + group) * map.height + row) * map.pitch();
}

int64_t planar_offset(const Map& map, int64_t image, int64_t group, int64_t row) {
  return (image * map.channels + group * kLanes) * map.plane() + row * map.width;
}

// Up to 16 channels as planes, `stride` floats apart, and as lanes, [pixels][16].
struct Pixels {
  const float* from;
  float* to;
  int64_t stride, pixels;
  int channels;
};

// Calls Tile for squares of pixels and channels. The last square overlaps the one before it. Fewer
// pixels than a square are copied one by one.
template <typename Tile>
JPEGCOMPILE_INLINE void for_squares(const Pixels& p) {
  constexpr int kSide = Tile::kSide;
  if (p.pixels < kSide) return Tile::few(p);
  for (int64_t pixel = 0; pixel < p.pixels; pixel += kSide) {
    const int64_t first = pixel + kSide > p.pixels ? p.pixels - kSide : pixel;
    for (int channel = 0; channel < kLanes; channel += kSide) Tile::square(p, first, channel);
  }
}

template <typename V>
struct ToLanes {
  static constexpr int kSide = kWidth<V>;

  JPEGCOMPILE_INLINE static void square(const Pixels& p, int64_t first, int channel) {
    V rows[kSide];
#pragma GCC unroll 16
    for (int i = 0; i < kSide; ++i) {
      rows[i] = channel + i < p.channels ? load<V>(p.from + (channel + i) * p.stride + first) : V{};
    }
    transpose(rows);
#pragma GCC unroll 16
    for (int i = 0; i < kSide; ++i) store(p.to + (first + i) * kLanes + channel, rows[i]);
  }

  JPEGCOMPILE_INLINE static void few(const Pixels& p) {
    for (int64_t pixel = 0; pixel < p.pixels; ++pixel) {
      for (int channel = 0; channel < kLanes; ++channel) {
        p.to[pixel * kLanes + channel] =
            channel < p.channels ? p.from[channel * p.stride + pixel] : 0.0F;
      }
    }
  }
};

template <typename V>
struct ToPlanes {
  static constexpr int kSide = kWidth<V>;

  JPEGCOMPILE_INLINE static void square(const Pixels& p, int64_t first, int channel) {
    if (channel >= p.channels) return;
    V rows[kSide];
#pragma GCC unroll 16
    for (int i = 0; i < kSide; ++i) rows[i] = load<V>(p.from + (first + i) * kLanes + channel);
    transpose(rows);
#pragma GCC unroll 16
    for (int i = 0; i < kSide; ++i) {
      if (channel + i < p.channels) store(p.to + (channel + i) * p.stride + first, rows[i]);
    }
  }

  JPEGCOMPILE_INLINE static void few(const Pixels& p) {
    for (int channel = 0; channel < p.channels; ++channel) {
      for (int64_t pixel = 0; pixel < p.pixels; ++pixel) {
        p.to[channel * p.stride + pixel] = p.from[pixel * kLanes + channel];
      }
    }
  }
};

template <typename Isa>
JPEGCOMPILE_INLINE void to_lanes_body(const Pixels& pixels) {
  for_squares<ToLanes<typename Isa::Vector>>(pixels);
}
template <typename Isa>
JPEGCOMPILE_INLINE void to_planes_body(const Pixels& pixels) {
  for_squares<ToPlanes<typename Isa::Vector>>(pixels);
}

JPEGCOMPILE_MULTIVERSION(to_lanes, to_lanes_body, Pixels)
JPEGCOMPILE_MULTIVERSION(to_planes, to_planes_body, Pixels)

// Copies rows of compact tiles to [count][W][16]; coefficients that are not stored become zeros.
void spread(const Map& map, const Tiles& tiles, int64_t count, float* to) {
  const int block = map.band.block;
  for (int64_t row = 0; row < count; ++row) {
    for (int64_t column = 0; column < map.width / block; ++column) {
      const float* tile = tiles.first + row * tiles.at.tile_row + column * tiles.at.tile;
      for (int u = 0; u < block; ++u) {
        const float* from = tile + tiles.at.row[static_cast<size_t>(u)];
        float* line = to + (row * block + u) * map.pitch() + column * block * kLanes;
        const int count = tiles.at.count[static_cast<size_t>(u)];
        // Copies one coefficient at a time: copies of constant length are inlined.
        for (int v = 0; v < count; ++v) std::copy_n(from + v * kLanes, kLanes, line + v * kLanes);
        for (int v = count; v < block; ++v) std::fill_n(line + v * kLanes, kLanes, 0.0F);
      }
    }
  }
}

}  // namespace

Map Map::of(const Shape& shape, int64_t group, const char* name) {
  if (shape.rank() != 4) {
    throw KernelError(std::string(name) + " has shape " + shape.text() +
                      "; a map has four dimensions");
  }
  shape.check_extents(name);
  if (group != 1 && (group != kLanes || shape[1] % kLanes != 0)) {
    throw KernelError(std::string(name) + " of shape " + shape.text() + " cannot have groups of " +
                      std::to_string(group) + " channels; compile the model again");
  }
  return {shape[0], shape[1], shape[2], shape[3], group == kLanes};
}

Map Map::of(const Shape& shape, int64_t group, int block, int64_t frequencies, const char* name) {
  Map map = of(shape, group, name);
  if (frequencies == 0 || frequencies == 2 * block - 1) return map;
  check_tiles(map, block, name);
  if (frequencies < 1 || frequencies > 2 * block - 1 || !map.is_grouped) {
    throw KernelError(std::string(name) + " of shape " + shape.text() + " with groups of " +
                      std::to_string(group) + " channels cannot store only " +
                      std::to_string(frequencies) + " frequencies of tiles of " +
                      std::to_string(block) + "x" + std::to_string(block) +
                      "; compile the model again");
  }
  map.is_compact = true;
  map.band = {block, static_cast<int>(frequencies)};
  return map;
}

TileLayout layout_of(const Map& map, int block) {
  return map.is_compact ? TileLayout::compact(map.band, map.width / block)
                        : TileLayout::in_rows(block, map.pitch());
}

int64_t tile_offset(const Map& map, const TileLayout& layout, int block, int64_t image,
                    int64_t group, int64_t row, int64_t column) {
  return (image * map.groups() + group) * map.group_floats() + row / block * layout.tile_row +
         column / block * layout.tile;
}

void check_tiles(const Map& map, int block, const char* name) {
  if (map.height % block == 0 && map.width % block == 0) return;
  throw KernelError(std::string(name) + " of shape " + map.shape().text() +
                    " does not consist of whole tiles of " + std::to_string(block) + "x" +
                    std::to_string(block));
}

void check_places(const Map& output, int block, int made) {
  if (made <= output.frequencies(block)) return;
  throw KernelError("y stores " + std::to_string(output.frequencies(block)) +
                    " frequencies of each tile, but " + std::to_string(made) +
                    " are computed; compile the model again");
}

void check_same_places(const Map& x, const Map& y, int block) {
  if (x.frequencies(block) == y.frequencies(block)) return;
  throw KernelError("y and x store different frequencies; compile the model again");
}

Tiles read_tiles(const Map& map, int block, const float* data, int64_t image, int64_t group,
                 int64_t row, int64_t count, float* scratch) {
  const TileLayout at = layout_of(map, block);
  if (map.is_compact) return {data + tile_offset(map, at, block, image, group, row, 0), at};
  return {read_rows(map, data, image, group, row, count, scratch), at};
}

const float* read_rows(const Map& map, const float* data, int64_t image, int64_t group, int64_t row,
                       int64_t count, float* scratch) {
  if (map.is_compact) {
    const int block = map.band.block;
    spread(map, read_tiles(map, block, data, image, group, row, count, nullptr), count / block,
           scratch);
    return scratch;
  }
  if (map.is_grouped) return data + grouped_offset(map, image, group, row);
  to_lanes({data + planar_offset(map, image, group, row), scratch, map.plane(), count * map.width,
            static_cast<int>(map.channels_in(group))});
  return scratch;
}

float* rows_target(const Map& map, float* data, int64_t image, int64_t group, int64_t row,
                   float* scratch) {
  return map.is_grouped ? data + grouped_offset(map, image, group, row) : scratch;
}

void write_rows(const Map& map, float* data, int64_t image, int64_t group, int64_t row,
                int64_t count, const float* scratch) {
  if (map.is_grouped) return;
  to_planes({scratch, data + planar_offset(map, image, group, row), map.plane(), count * map.width,
             static_cast<int>(map.channels_in(group))});
}

}  // namespace jpegcompile
