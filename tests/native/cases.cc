#include "cases.h"

#include <algorithm>
#include <limits>

namespace jpegcompile {
namespace {

// Offset of an element in a tensor with grouped channels; -1 if it is not stored.
int64_t place(const Map& map, const Order& order, int64_t n, int64_t c, int64_t y, int64_t x) {
  const int64_t group = order.group;
  const int64_t plane = n * (map.channels / group) + c / group;
  int64_t pixel = (plane * map.height + y) * map.width + x;
  if (order.is_compact()) {
    const int64_t block = order.block, u = y % block, v = x % block;
    if (u + v >= order.frequencies) return -1;
    const int64_t rows = map.height / block, columns = map.width / block;
    const int64_t tile = (plane * rows + y / block) * columns + x / block;
    pixel = tile * order.places_before(block, 0) + order.places_before(u, v);
  }
  return pixel * group + c % group;
}

void for_places(const Map& map, const Order& order, const auto& action) {
  size_t index = 0;
  for (int64_t n = 0; n < map.batch; ++n) {
    for (int64_t c = 0; c < map.channels; ++c) {
      for (int64_t y = 0; y < map.height; ++y) {
        for (int64_t x = 0; x < map.width; ++x, ++index) {
          const int64_t at = place(map, order, n, c, y, x);
          if (at >= 0) action(index, static_cast<size_t>(at));
        }
      }
    }
  }
}

}  // namespace

int64_t Order::places_before(int64_t u, int64_t v) const {
  int64_t count = v;
  for (int64_t row = 0; row < u; ++row) count += std::clamp<int64_t>(frequencies - row, 0, block);
  return count;
}

size_t Order::image_elements(const Value& value) const {
  const size_t elements = value.elements / static_cast<size_t>(value.shape.at(0));
  if (!is_compact()) return elements;
  return elements / static_cast<size_t>(block * block) *
         static_cast<size_t>(places_before(block, 0));
}

Map random_map(Random& random, int64_t batch, int64_t channels, int64_t height, int64_t width) {
  Map map(batch, channels, height, width);
  for (double& value : map.values) value = random.number();
  return map;
}

Map random_blocks(Random& random, const Map& shape, int64_t block) {
  const Map pixels = random_map(random, shape.batch, shape.channels, shape.height, shape.width);
  return each(to_jpeg(pixels, block), [](double value) { return static_cast<float>(value); });
}

Value tensor(const Map& map, const Order& order) {
  Value value(stand_in::ElementType::kFloat, {map.batch, map.channels, map.height, map.width});
  std::fill_n(value.as<float>(), value.elements, std::numeric_limits<float>::quiet_NaN());
  for_places(map, order, [&](size_t from, size_t to) {
    value.as<float>()[to] = static_cast<float>(map.values[from]);
  });
  return value;
}

Map map_of(const Value& value, const Order& order) {
  Map map(value.shape.at(0), value.shape.at(1), value.shape.at(2), value.shape.at(3));
  for_places(map, order,
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

void keep(int64_t frequencies, size_t turn, Case& made) {
  if (frequencies == 2 * made.y_order.block - 1) return;
  const auto more = static_cast<int64_t>(turn % 2);
  hold(made, frequencies, turn % 5 != 0 ? frequencies + more : 0);
}

void truncate(size_t turn, Case& made) {
  const int64_t block = made.y_order.block;
  const int64_t kept = 1 + static_cast<int64_t>(turn) % (2 * block - 1);
  made.inputs.push_back(band(made.expected.height, made.expected.width, block, kept));
  made.refusals.push_back(
      {"band has shape [", [](Case& wrong) { wrong.inputs.back() = unused(); }});
  keep(kept, turn, made);
}

Layout layout(size_t turn, int64_t x_channels, int64_t y_channels) {
  return {x_channels % 16 == 0 && turn % 2 == 1 ? 16 : 1,
          y_channels % 16 == 0 && turn / 2 % 2 == 1 ? 16 : 1};
}

Order order_of(size_t turn, int64_t group, int64_t block) {
  const bool is_compact = group == 16 && block > 1 && turn % 3 != 0;
  return {group, block, is_compact ? 1 + static_cast<int64_t>(turn / 2) % (2 * block - 2) : 0};
}

Map random_operand(Random& random, const Map& shape, const Order& order) {
  const Map made = random_blocks(random, shape, order.block);
  return order.is_compact() ? band_of(made, order.block, order.frequencies) : made;
}

void hold(Case& made, int64_t kept, int64_t places) {
  made.expected = band_of(made.expected, made.y_order.block, kept);
  made.frequencies = kept;
  made.y_order.frequencies = made.y_order.group == 16 ? places : 0;
  made.attributes["y_frequencies"] = made.y_order.frequencies;
  if (made.y_order.is_compact() && kept > 1) {
    made.refusals.push_back(
        {"y stores ", [=](Case& wrong) { wrong.attributes["y_frequencies"] = kept - 1; }});
  }
}

Map activated(Random& random, const std::string& activation, size_t turn, const Map& pixels,
              Case& made) {
  if (activation == "Relu") return each(pixels, [](double v) { return std::max(v, 0.0); });
  if (activation == "Clip") {
    made.inputs.push_back(numbers({-0.5}, {}));
    made.inputs.push_back(numbers({1.5}, {1}));
    return each(pixels, [](double v) { return std::min(std::max(v, -0.5), 1.5); });
  }
  if (activation != "PRelu") return pixels;
  std::vector<double> slopes;
  const int64_t count = turn % 2 == 0 ? pixels.channels : 1;
  for (int64_t index = 0; index < count; ++index) slopes.push_back(random.number());
  made.inputs.push_back(count == 1 ? numbers(slopes, {}) : numbers(slopes, {count, 1, 1}));
  return each_channel(pixels, [&](double v, int64_t, int64_t c) {
    return v > 0 ? v : v * slopes[count == 1 ? 0 : static_cast<size_t>(c)];
  });
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
