// Operators with one number per channel, and the transforms.
#include <algorithm>

#include "cases.h"

namespace jpegcompile {
namespace {

// One number per channel of each image, or fewer, in one of the shapes that broadcast.
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

// x * scale + residual; negative pixels become zero, and the result may be truncated.
Case sum_case(Random& random, const std::string& op, const TileShape& shape, size_t turn) {
  const bool is_spatial = op.starts_with("Spatial");
  const auto [batch, channels, height, width, jpeg_block] = shape;
  const int64_t block = is_spatial ? 1 : jpeg_block;
  const auto [x_group, y_group] = layout(turn, channels, channels);
  const int64_t residual_group = layout(turn / 4, channels, 1).x;
  const Order x_order = order_of(turn, x_group, block);
  const Order residual_order = order_of(turn + 1, residual_group, block);
  const Map x = random_operand(random, Map(batch, channels, height, width), x_order);
  const Map residual = random_operand(random, x, residual_order);
  const Operand scale(random, turn, x);
  Case made{op,
            {{"x_group", x_group},
             {"y_group", y_group},
             {"residual_group", residual_group},
             {"x_frequencies", x_order.frequencies},
             {"residual_frequencies", residual_order.frequencies}},
            {tensor(x, x_order), scale.value(), tensor(residual, residual_order)},
            {},
            {},
            0,
            Order(y_group, block),
            x_order};
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
  made.refusals = {{"the residual has shape [1]", [](Case& wrong) { wrong.inputs[2] = unused(); }},
                   {"scale of shape [2,1,1,1,1] does not broadcast", [](Case& wrong) {
                      wrong.inputs[1] = numbers({1, 1}, {2, 1, 1, 1, 1});
                    }}};
  if (residual_order.is_compact()) {
    made.refusals.push_back({"residual of shape", [](Case& wrong) {
                               wrong.attributes["residual_frequencies"] = int64_t{99};
                             }});
  }
  if (op.ends_with("Truncate")) truncate(turn, made);
  return made;
}

Case channel_case(Random& random, const std::string& op, const TileShape& shape, size_t turn) {
  const auto [batch, channels, height, width, block] = shape;
  const auto [x_group, y_group] = layout(turn, channels, channels);
  const bool takes_few = op != "ToJpeg" && op != "JpegTruncate";
  const Order x_order = takes_few ? order_of(turn, x_group, block) : Order(x_group, block);
  const Map x = random_operand(random, Map(batch, channels, height, width), x_order);
  Case made{op, {{"block", block}, {"x_group", x_group}, {"y_group", y_group}}, {}, {}, x, 0,
            Order(y_group, block), x_order};
  made.attributes["x_frequencies"] = x_order.frequencies;
  made.inputs.push_back(tensor(x, x_order));
  if (op == "ToJpeg" || op == "ToSpatial") {
    made.expected = op == "ToJpeg" ? to_jpeg(x, block) : to_spatial(x, block);
    if (op == "ToSpatial") made.y_order = y_group;
    add_unused(made, 2);
  } else if (op == "JpegTruncate") {
    const int64_t frequencies = 1 + static_cast<int64_t>(turn) % (2 * block - 1);
    made.inputs.push_back(band(height, width, block, frequencies));
    // Compact tiles that store the required number of frequencies, or some more.
    const auto places = frequencies + static_cast<int64_t>(turn / 3 % 3);
    hold(made, frequencies, places > 2 * block - 1 ? 0 : places);
    made.refusals.push_back({"band has shape [1]", [](Case& wrong) { wrong.inputs[1] = unused(); }});
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
  const int64_t held = x_order.held();
  if (op.starts_with("Jpeg") && x_order.is_compact()) {
    // The result has the same coefficients as x, compact or not.
    hold(made, held, turn % 5 != 0 ? held : 0);
    made.refusals.push_back({"x of shape", [](Case& wrong) {
                               wrong.attributes["x_frequencies"] = int64_t{-1};
                             }});
    if (made.y_order.is_compact() && held < 2 * block - 2) {
      made.refusals.push_back({"store different frequencies", [=](Case& wrong) {
                                 wrong.attributes["y_frequencies"] = held + 1;
                               }});
    }
  }
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
  for (const char* op : {"JpegScaleAddRelu", "JpegScaleAddReluTruncate", "SpatialScaleAddRelu"}) {
    for (const TileShape& shape : tile_shapes()) {
      ++turn;
      if (selection.takes(op)) cases.push_back(sum_case(random, op, shape, turn));
    }
    ++turn;
  }
  return cases;
}

}  // namespace jpegcompile
