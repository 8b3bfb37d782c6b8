#include "cases.h"

#include <algorithm>

namespace jpegcompile {
namespace {

// Where an element of a map stands in a tensor in groups of channels.
size_t place(const Map& map, int64_t group, int64_t n, int64_t c, int64_t y, int64_t x) {
  const int64_t plane = n * (map.channels / group) + c / group;
  return static_cast<size_t>(((plane * map.height + y) * map.width + x) * group + c % group);
}

void for_places(const Map& map, int64_t group, const auto& action) {
  size_t index = 0;
  for (int64_t n = 0; n < map.batch; ++n) {
    for (int64_t c = 0; c < map.channels; ++c) {
      for (int64_t y = 0; y < map.height; ++y) {
        for (int64_t x = 0; x < map.width; ++x) action(index++, place(map, group, n, c, y, x));
      }
    }
  }
}

}  // namespace

Map random_map(Random& random, int64_t batch, int64_t channels, int64_t height, int64_t width) {
  Map map(batch, channels, height, width);
  for (double& value : map.values) value = random.number();
  return map;
}

Map random_blocks(Random& random, const Map& shape, int64_t block) {
  const Map pixels = random_map(random, shape.batch, shape.channels, shape.height, shape.width);
  return each(to_jpeg(pixels, block), [](double value) { return static_cast<float>(value); });
}

Value tensor(const Map& map, int64_t group) {
  Value value(stand_in::ElementType::kFloat, {map.batch, map.channels, map.height, map.width});
  for_places(map, group, [&](size_t from, size_t to) {
    value.as<float>()[to] = static_cast<float>(map.values[from]);
  });
  return value;
}

Map map_of(const Value& value, int64_t group) {
  Map map(value.shape.at(0), value.shape.at(1), value.shape.at(2), value.shape.at(3));
  for_places(map, group,
             [&](size_t to, size_t from) { map.values[to] = value.as<float>()[from]; });
  return map;
}

Value numbers(const std::vector<double>& values, std::vector<int64_t> shape) {
  Value value(stand_in::ElementType::kFloat, std::move(shape));
  std::ranges::transform(values, value.as<float>(), [](double v) { return static_cast<float>(v); });
  return value;
}

Value integers(const std::vector<int64_t>& values) {
  Value value(stand_in::ElementType::kInt64, {static_cast<int64_t>(values.size())});
  std::ranges::copy(values, value.as<int64_t>());
  return value;
}

Value unused() { return numbers({0}, {1}); }

void add_unused(Case& one, size_t count) {
  for (size_t index = 0; index < count; ++index) one.inputs.push_back(unused());
}

Value band(int64_t height, int64_t width, int64_t block, int64_t frequencies) {
  Map kept(1, 1, height, width);
  std::ranges::fill(kept.values, 1.0);
  Value value = tensor(band_of(kept, block, frequencies));
  value.shape = {height, width};
  return value;
}

Layout layout(size_t turn, int64_t x_channels, int64_t y_channels) {
  return {x_channels % 16 == 0 && turn % 2 == 1 ? 16 : 1,
          y_channels % 16 == 0 && turn / 2 % 2 == 1 ? 16 : 1};
}

const std::vector<TileShape>& tile_shapes() {
  static const std::vector<TileShape> kShapes = {
      {3, 17, 16, 24, 8}, {1, 16, 8, 8, 8},  {2, 32, 24, 16, 8}, {0, 16, 8, 8, 8},
      {1, 1, 12, 4, 4},   {2, 3, 4, 20, 4},  {3, 48, 6, 10, 2},  {2, 16, 2, 2, 2},
      {1, 3, 7, 5, 1},    {2, 16, 5, 9, 1},  {1, 17, 3, 1, 1},   {1, 32, 64, 40, 8},
      {2, 16, 20, 12, 4}, {2, 48, 13, 11, 1}};
  return kShapes;
}

}  // namespace jpegcompile
