// Transposed convolutions.
#include <cmath>

#include "cases.h"

namespace jpegcompile {
namespace {

using reference::Window;

struct Geometry {
  int64_t batch, inputs, outputs, height, width;
  Window window;
  std::array<int64_t, 2> output_padding;
  int64_t group, input_block, output_block;
};

const std::vector<Geometry>& geometries() {
  static const Window kTwoBy2{{2, 2}, {2, 2}, {0, 0, 0, 0}, {1, 1}};
  static const Window kFourBy2{{4, 4}, {2, 2}, {1, 1, 1, 1}, {1, 1}};
  static const Window kThreeBy2{{3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}};
  static const Window kPlain{{3, 2}, {1, 1}, {1, 0, 1, 1}, {1, 1}};
  static const Window kGaps{{2, 1}, {3, 4}, {0, 1, 1, 0}, {1, 1}};
  static const Window kDilated{{3, 2}, {2, 1}, {0, 3, 4, 0}, {2, 3}};
  static const std::vector<Geometry> kGeometries = {
      {2, 16, 16, 8, 12, kTwoBy2, {0, 0}, 1, 4, 8},
      {1, 32, 48, 8, 8, kFourBy2, {0, 0}, 1, 8, 8},
      {3, 17, 32, 4, 8, kFourBy2, {0, 0}, 1, 4, 8},
      {1, 48, 17, 7, 5, kThreeBy2, {1, 1}, 1, 1, 2},
      {2, 3, 16, 6, 9, kThreeBy2, {0, 0}, 1, 1, 1},
      {1, 16, 16, 8, 8, kPlain, {0, 0}, 1, 8, 8},
      {1, 32, 16, 5, 3, kGaps, {2, 1}, 2, 1, 1},
      {2, 24, 48, 4, 4, kTwoBy2, {0, 0}, 3, 4, 8},
      {1, 16, 16, 4, 6, kTwoBy2, {0, 0}, 16, 2, 4},
      {1, 16, 32, 6, 8, kDilated, {1, 0}, 1, 2, 1},
      {0, 16, 16, 4, 4, kTwoBy2, {0, 0}, 1, 4, 8},
      {1, 32, 32, 24, 40, kFourBy2, {0, 0}, 1, 8, 8}};
  return kGeometries;
}

// Each input adds the kernel to the outputs that begin at its position times the stride.
Map transpose(const Map& x, const Map& weight, const Geometry& given) {
  const auto& [kernel, strides, pads, dilations] = given.window;
  const auto side = [&](size_t i, int64_t inputs) {
    return (inputs - 1) * strides[i] + (kernel[i] - 1) * dilations[i] + 1 +
           given.output_padding[i] - pads[i] - pads[i + 2];
  };
  Map made(x.batch, given.outputs, side(0, x.height), side(1, x.width));
  const int64_t inputs = given.inputs / given.group, outputs = given.outputs / given.group;
  for (int64_t n = 0; n < x.batch; ++n) {
    for (int64_t c = 0; c < x.channels; ++c) {
      for (int64_t o = 0; o < outputs; ++o) {
        for (int64_t place = 0; place < x.height * x.width * kernel[0] * kernel[1]; ++place) {
          const int64_t j = place % kernel[1], i = place / kernel[1] % kernel[0];
          const int64_t pixel = place / kernel[1] / kernel[0];
          const int64_t row = pixel / x.width * strides[0] + i * dilations[0] - pads[0];
          const int64_t column = pixel % x.width * strides[1] + j * dilations[1] - pads[1];
          if (row < 0 || row >= made.height || column < 0 || column >= made.width) continue;
          made.at(n, c / inputs * outputs + o, row, column) +=
              weight.at(c, o, i, j) * x.at(n, c, pixel / x.width, pixel % x.width);
        }
      }
    }
  }
  return made;
}

std::vector<int64_t> list(const auto& values) { return {values.begin(), values.end()}; }

Case transposed_case(Random& random, const Geometry& given, size_t turn) {
  const auto [x_group, y_group] = layout(turn, given.inputs, given.outputs);
  Case made;
  made.op = "JpegConvTranspose";
  made.x_order = order_of(turn, x_group, given.input_block);
  made.y_order = {y_group, given.output_block};
  made.attributes = {{"group", given.group},
                     {"input_block", given.input_block},
                     {"output_block", given.output_block},
                     {"strides", list(given.window.strides)},
                     {"pads", list(given.window.pads)},
                     {"dilations", list(given.window.dilations)},
                     {"output_padding", list(given.output_padding)},
                     {"x_group", x_group},
                     {"y_group", y_group},
                     {"x_frequencies", made.x_order.frequencies}};
  const Map weight = random_map(random, given.inputs, given.outputs / given.group,
                                given.window.kernel[0], given.window.kernel[1]);
  const Map x = random_operand(
      random, Map(given.batch, given.inputs, given.height, given.width), made.x_order);
  std::vector<double> bias;
  for (int64_t c = 0; c < given.outputs; ++c) bias.push_back(random.number());
  made.inputs = {tensor(x, made.x_order), tensor(weight), numbers(bias, {given.outputs})};
  add_unused(made, 4);
  // Computed weights are packed at every call.
  made.may_allocate = turn % 5 == 0;
  if (turn % 5 != 0) made.constants = {1, 2};
  const auto absolute = [](double v) { return std::abs(v); };
  const Map seen = to_spatial(x, given.input_block);
  const Map pixels = each_channel(transpose(seen, weight, given),
                                  [&](double v, int64_t, int64_t c) { return v + bias.at(c); });
  const double most = largest(transpose(each(seen, absolute), each(weight, absolute), given)) + 2;
  made.expected = to_jpeg(pixels, given.output_block);
  const double terms = static_cast<double>(given.inputs * weight.height * weight.width);
  made.allowed = rounding(8 * std::sqrt(terms) + 2 * transform_roundings(given.output_block),
                          most * static_cast<double>(given.output_block));
  made.refusals.push_back({"the pads leave no output for x of shape [",
                           [](Case& wrong) {
                             wrong.attributes["pads"] = std::vector<int64_t>{999, 999, 999, 999};
                           }});
  made.refusals.push_back({"output_padding must have 2 values from 0 to", [](Case& wrong) {
                             wrong.attributes["output_padding"] = std::vector<int64_t>{0, -1};
                           }});
  return made;
}

}  // namespace

std::vector<Case> transposed_cases(Selection& selection) {
  Random random(7);
  std::vector<Case> cases;
  size_t turn = 0;
  for (const Geometry& geometry : geometries()) {
    ++turn;
    if (selection.takes("JpegConvTranspose")) {
      cases.push_back(transposed_case(random, geometry, turn));
    }
  }
  return cases;
}

}  // namespace jpegcompile
