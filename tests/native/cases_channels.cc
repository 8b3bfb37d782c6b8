// Operators with a number for each channel, and the transforms themselves.
#include <algorithm>

#include "cases.h"

namespace jpegcompile {
namespace {

// A number for each channel of each image, or fewer, in one of the shapes that broadcast.
struct Operand {
  Operand(Random& random, size_t turn, const Map& x) {
    const std::vector<std::vector<int64_t>> shapes = {
        {x.channels, 1, 1}, {1}, {}, {x.batch, x.channels, 1, 1}, {1, x.channels, 1, 1}};
    shape = shapes[turn % shapes.size()];
    const bool has_channels = shape.size() >= 3;
    channels = has_channels ? x.channels : 1;
    images = shape.size() == 4 ? shape[0] : 1;
    for (int64_t index = 0; index < images * channels; ++index) values.push_back(random.number());
  }
  double at(int64_t n, int64_t c) const {
    return values[static_cast<size_t>((images == 1 ? 0 : n * channels) + (channels == 1 ? 0 : c))];
  }
  Value value() const { return numbers(values, shape); }

  std::vector<int64_t> shape;
  std::vector<double> values;
  int64_t images, channels;
};

// x * scale + residual, of which negative pixels become zero.
Case sum_case(Random& random, const std::string& op, const TileShape& shape, size_t turn) {
  const bool is_spatial = op.starts_with("Spatial");
  const auto [batch, channels, height, width, jpeg_block] = shape;
  const int64_t block = is_spatial ? 1 : jpeg_block;
  const auto [x_group, y_group] = layout(turn, channels, channels);
  const int64_t residual_group = layout(turn / 4, channels, 1).x;
  const Map x = random_blocks(random, Map(batch, channels, height, width), block);
  const Map residual = random_blocks(random, x, block);
  const Operand scale(random, turn, x);
  Case made{op, {{"x_group", x_group}, {"y_group", y_group}, {"residual_group", residual_group}},
            {tensor(x, x_group), scale.value(), tensor(residual, residual_group)}, {}, {}, 0,
            y_group};
  if (!is_spatial) {
    made.attributes["block"] = block;
    add_unused(made, 4);
  }
  const Map scaled =
      each_channel(x, [&](double v, int64_t n, int64_t c) { return v * scale.at(n, c); });
  const Map sums = to_spatial(both(scaled, residual, std::plus()), block);
  made.expected = to_jpeg(each(sums, [](double v) { return std::max(v, 0.0); }), block);
  made.allowed = rounding(3 * transform_roundings(block),
                          (largest(x) + largest(residual)) * static_cast<double>(block));
  made.refusals = {{"the residual has shape [1], x [", [](Case& wrong) { wrong.inputs[2] = unused(); }},
                   {"scale of shape [2,1,1,1,1] does not broadcast", [](Case& wrong) {
                      wrong.inputs[1] = numbers({1, 1}, {2, 1, 1, 1, 1});
                    }}};
  return made;
}

Case channel_case(Random& random, const std::string& op, const TileShape& shape, size_t turn) {
  const auto [batch, channels, height, width, block] = shape;
  const auto [x_group, y_group] = layout(turn, channels, channels);
  const Map x = random_blocks(random, Map(batch, channels, height, width), block);
  Case made{op, {{"block", block}, {"x_group", x_group}, {"y_group", y_group}}, {}, {}, x, 0, 1};
  made.y_order = y_group;
  made.inputs.push_back(tensor(x, x_group));
  if (op == "ToJpeg" || op == "ToSpatial") {
    made.expected = op == "ToJpeg" ? to_jpeg(x, block) : to_spatial(x, block);
    add_unused(made, 2);
  } else if (op == "JpegTruncate") {
    const int64_t frequencies = 1 + static_cast<int64_t>(turn) % (2 * block - 1);
    made.inputs.push_back(band(height, width, block, frequencies));
    made.expected = band_of(x, block, frequencies);
    made.frequencies = frequencies;
    // Compact tiles, with as many places as there are coefficients, or some more.
    const auto more = static_cast<int64_t>(turn / 3 % 3);
    made.y_order = {y_group, block, y_group == 16 ? frequencies + more : 0};
    if (made.y_order.frequencies > 2 * block - 1) made.y_order.frequencies = 0;
    made.attributes["y_frequencies"] = made.y_order.frequencies;
    made.refusals = {{"band has shape [1]", [](Case& wrong) { wrong.inputs[1] = unused(); }}};
  } else {
    const Operand first(random, turn, x), second(random, turn + 2, x);
    made.inputs.push_back(first.value());
    if (op == "JpegScale" || op == "JpegBatchNormalization") {
      made.expected =
          each_channel(x, [&](double v, int64_t n, int64_t c) { return v * first.at(n, c); });
    }
    if (op == "JpegBatchNormalization") made.inputs.push_back(second.value());
    if (op != "JpegScale") {
      const Operand& shift = op == "JpegBatchNormalization" ? second : first;
      const double factor = op == "JpegSub" ? -block : block;
      add_to_dc(made.expected, block,
                [&](int64_t n, int64_t c) { return factor * shift.at(n, c); });
      add_unused(made, 1);
    }
  }
  const double most = std::max(largest(x), largest(made.expected)) * static_cast<double>(block);
  made.allowed = rounding(transform_roundings(block), most);
  return made;
}

}  // namespace

std::vector<Case> channel_cases(Selection& selection) {
  Random random(1);
  std::vector<Case> cases;
  size_t turn = 0;
  for (const char* op : {"ToJpeg", "ToSpatial", "JpegTruncate", "JpegAdd", "JpegSub", "JpegScale",
                         "JpegBatchNormalization"}) {
    for (const TileShape& shape : tile_shapes()) {
      ++turn;
      if (selection.takes(op)) cases.push_back(channel_case(random, op, shape, turn));
    }
    ++turn;
  }
  for (const char* op : {"JpegScaleAddRelu", "SpatialScaleAddRelu"}) {
    for (const TileShape& shape : tile_shapes()) {
      ++turn;
      if (selection.takes(op)) cases.push_back(sum_case(random, op, shape, turn));
    }
    ++turn;
  }
  return cases;
}

}  // namespace jpegcompile
