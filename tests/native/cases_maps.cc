// Operators that read all channels of an image, or two maps, at once.
#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "cases.h"

namespace jpegcompile {
namespace {

constexpr double kEpsilon = 0.001;

Case case_of(const std::string& op, const Map& x, int64_t block, const Layout& groups) {
  return {op,
          {{"block", block}, {"x_group", groups.x}, {"y_group", groups.y}},
          {tensor(x, groups.x)},
          {},
          {},
          0,
          groups.y,
          groups.x};
}

// A divisor of the channels: one group, one per channel, or one per few channels.
int64_t groups_of(size_t turn, int64_t channels) {
  if (turn % 3 == 0) return turn % 2 == 0 ? 1 : channels;
  for (int64_t groups = 3; groups < channels; ++groups) {
    if (channels % groups == 0) return groups;
  }
  return channels;
}

// Pixels minus the mean of their channel group, divided by the standard deviation.
Map normalized(const Map& pixels, int64_t groups) {
  Map made = pixels;
  const auto size =
      static_cast<size_t>(pixels.channels / groups * pixels.height * pixels.width);
  for (size_t first = 0; first < pixels.values.size(); first += size) {
    double mean = 0, variance = 0;
    for (size_t i = first; i < first + size; ++i) mean += pixels.values[i] / double(size);
    for (size_t i = first; i < first + size; ++i) {
      variance += std::pow(pixels.values[i] - mean, 2) / double(size);
    }
    for (size_t i = first; i < first + size; ++i) {
      made.values[i] = (pixels.values[i] - mean) / std::sqrt(variance + kEpsilon);
    }
  }
  return made;
}

Case normalization_case(Random& random, const std::string& op, const TileShape& shape,
                        size_t turn) {
  const bool is_spatial = op.starts_with("Spatial");
  const auto [batch, channels, height, width, jpeg_block] = shape;
  const int64_t block = is_spatial ? 1 : jpeg_block;
  Map x = random_blocks(random, Map(batch, channels, height, width), block);
  // A mean that is large relative to the deviation: sums must be taken about the mean.
  if (turn % 4 == 3) {
    add_to_dc(x, block, [&](int64_t, int64_t c) { return static_cast<double>(block * (900 + c)); });
    x = each(x, [](double v) { return static_cast<float>(v); });
  }
  Case made = case_of(op, x, block, layout(turn, channels, channels));
  if (is_spatial) made.attributes.erase("block");
  const int64_t groups = groups_of(turn, channels);
  made.attributes["groups"] = groups;
  std::vector<double> scale, shift;
  for (int64_t c = 0; c < channels; ++c) {
    scale.push_back(random.number()), shift.push_back(random.number());
  }
  made.inputs.push_back(numbers(scale, {channels, 1, 1}));
  made.inputs.push_back(numbers(shift, {channels, 1, 1}));
  made.inputs.push_back(numbers({kEpsilon}, {1}));
  made.inputs.push_back(integers({0, groups, 1, -1}));
  if (!is_spatial) add_unused(made, 1);
  const Map pixels = normalized(to_spatial(x, block), groups);
  made.expected = to_jpeg(each_channel(pixels,
                                       [&](double v, int64_t, int64_t c) {
                                         const auto channel = static_cast<size_t>(c);
                                         return v * scale[channel] + shift[channel];
                                       }),
                          block);
  // Some twenty roundings in the sum of squares, and a few more.
  made.allowed = rounding(40, largest(made.expected) + static_cast<double>(block));
  made.refusals = {{"cannot be divided into 1000 groups",
                    [](Case& wrong) { wrong.attributes["groups"] = int64_t{1000}; }},
                   {"groups", [](Case& wrong) { wrong.attributes["groups"] = int64_t{0}; }},
                   {"epsilon has shape [2]",
                    [](Case& wrong) { wrong.inputs[3] = numbers({1, 1}, {2}); }},
                   {"scale of shape [2,1,1,1,1] does not broadcast", [](Case& wrong) {
                      wrong.inputs[1] = numbers({1, 1}, {2, 1, 1, 1, 1});
                    }}};
  return made;
}

using OfTwo = std::function<double(double, double)>;

double larger(double a, double b) { return std::max(a, b); }
double smaller(double a, double b) { return std::min(a, b); }

// Broadcasts a map of one channel or one image to the shape of another map.
Map broadcast(const Map& map, const Map& shape) {
  Map made(shape.batch, shape.channels, shape.height, shape.width);
  for (int64_t n = 0; n < made.batch; ++n) {
    for (int64_t c = 0; c < made.channels; ++c) {
      for (int64_t y = 0; y < made.height; ++y) {
        for (int64_t x = 0; x < made.width; ++x) {
          made.at(n, c, y, x) =
              map.at(map.batch == 1 ? 0 : n, map.channels == 1 ? 0 : c, y, x);
        }
      }
    }
  }
  return made;
}

Case product_case(Random& random, const std::string& op, const OfTwo& function,
                  const TileShape& shape, size_t turn) {
  const auto [batch, channels, height, width, block] = shape;
  const Map x = random_blocks(random, Map(batch, channels, height, width), block);
  Case made = case_of(op, x, block, layout(turn, channels, channels));
  // One channel, one image, or the shape of x.
  const bool is_shared = op == "JpegMul" && turn % 3 == 0, is_for_all = turn % 5 == 0;
  const Map other = random_blocks(
      random, Map(is_for_all ? 1 : batch, is_shared ? 1 : channels, height, width), block);
  const int64_t group = is_shared ? 1 : layout(turn / 4, channels, 1).x;
  made.attributes["residual_group"] = group;
  made.inputs.push_back(tensor(other, group));
  if (is_for_all && turn % 2 == 0 && group == 1) {
    made.inputs.back().shape.erase(made.inputs.back().shape.begin());
  }
  add_unused(made, 4);
  const Map pixels = to_spatial(x, block), others = to_spatial(broadcast(other, x), block);
  made.expected = to_jpeg(both(pixels, others, function), block);
  const double most = std::max(largest(pixels), 1.0) * std::max(largest(others), 1.0);
  made.allowed =
      rounding(3 * transform_roundings(block), 2 * most * static_cast<double>(block * block));
  made.refusals = {{"other of shape [2] does not match x of shape [",
                    [](Case& wrong) {
                      wrong.inputs[1] = numbers({1, 1}, {2});
                      wrong.attributes["residual_group"] = int64_t{1};
                    }},
                   {"a map has four dimensions", [](Case& wrong) {
                      wrong.inputs[1] = numbers({1}, {1, 1, 1, 1, 1});
                    }}};
  return made;
}

Case reduction_case(Random& random, const std::string& op, const TileShape& shape, size_t turn) {
  const auto [batch, channels, height, width, block] = shape;
  const bool is_linear = op == "JpegChannelMean" || op == "JpegChannelSum";
  const Map x = random_blocks(random, Map(batch, channels, height, width), block);
  Case made = case_of(op, x, block, layout(turn, channels, 1));
  made.attributes.erase("y_group");
  if (!is_linear) add_unused(made, 4);
  const Map pixels = to_spatial(x, block);
  Map reduced(batch, 1, height, width);
  for (int64_t n = 0; n < batch; ++n) {
    for (int64_t y = 0; y < height; ++y) {
      for (int64_t column = 0; column < width; ++column) {
        double& to = reduced.at(n, 0, y, column);
        to = pixels.at(n, 0, y, column);
        for (int64_t c = 1; c < channels; ++c) {
          const double value = pixels.at(n, c, y, column);
          to = is_linear ? to + value : op == "JpegChannelMax" ? larger(to, value) : smaller(to, value);
        }
        if (op == "JpegChannelMean") to /= static_cast<double>(channels);
      }
    }
  }
  made.expected = to_jpeg(reduced, block);
  const double most = (largest(pixels) + 1) * static_cast<double>(block);
  const double sums = is_linear ? static_cast<double>(channels) : 1.0;
  made.allowed = rounding(3 * transform_roundings(block) + sums, most * sums);
  made.refusals = {{"a map has four dimensions", [](Case& wrong) { wrong.inputs[0] = unused(); }}};
  if (!is_linear) {
    made.refusals.push_back({"block is 3", [](Case& wrong) {
                               wrong.attributes["block"] = int64_t{3};
                             }});
  }
  return made;
}

}  // namespace

std::vector<Case> map_cases(Selection& selection) {
  Random random(7);
  std::vector<Case> cases;
  size_t turn = 0;
  const std::map<std::string, OfTwo> products = {
      {"JpegMax", larger}, {"JpegMin", smaller}, {"JpegMul", std::multiplies()}};
  for (const TileShape& shape : tile_shapes()) {
    for (const char* op : {"JpegGroupNormalization", "SpatialGroupNormalization"}) {
      ++turn;
      if (selection.takes(op)) cases.push_back(normalization_case(random, op, shape, turn));
    }
    for (const auto& [op, function] : products) {
      ++turn;
      if (selection.takes(op)) cases.push_back(product_case(random, op, function, shape, turn));
    }
    for (const char* op :
         {"JpegChannelMax", "JpegChannelMean", "JpegChannelMin", "JpegChannelSum"}) {
      ++turn;
      if (selection.takes(op)) cases.push_back(reduction_case(random, op, shape, turn));
    }
  }
  return cases;
}

}  // namespace jpegcompile
