// Operators with a number for each channel, and the transforms themselves.
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

Case channel_case(Random& random, const std::string& op, const TileShape& shape, size_t turn) {
  const auto [batch, channels, height, width, block] = shape;
  const auto [x_group, y_group] = layout(turn, channels, channels);
  const Map x = random_blocks(random, Map(batch, channels, height, width), block);
  Case made{op, {{"block", block}, {"x_group", x_group}, {"y_group", y_group}}, {}, {}, x, 0, 1};
  made.y_group = y_group;
  made.inputs.push_back(tensor(x, x_group));
  if (op == "ToJpeg" || op == "ToSpatial") {
    made.expected = op == "ToJpeg" ? to_jpeg(x, block) : to_spatial(x, block);
    add_unused(made, 2);
  } else if (op == "JpegTruncate") {
    const int64_t frequencies = 1 + static_cast<int64_t>(turn) % (2 * block - 1);
    made.inputs.push_back(band(height, width, block, frequencies));
    made.expected = band_of(x, block, frequencies);
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
  return cases;
}

}  // namespace jpegcompile
