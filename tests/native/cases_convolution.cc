// Convolutions in each domain, with residuals and activations.
#include <cmath>

#include "cases.h"

namespace jpegcompile {
namespace {

using reference::Window;

struct Geometry {
  int64_t batch, inputs, outputs, height, width;
  Window window;
  int64_t group, input_block, output_block;
  const char* method;
};

const std::vector<Geometry>& geometries() {
  static const Window kPointwise{};
  static const Window kThree{{3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}};
  static const Window kThreeBare{{3, 3}, {1, 1}, {0, 0, 0, 0}, {1, 1}};
  static const Window kThreeBy2{{3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}};
  static const Window kSevenBy2{{7, 7}, {2, 2}, {3, 3, 3, 3}, {1, 1}};
  static const Window kDilated{{3, 3}, {1, 1}, {2, 2, 2, 2}, {2, 2}};
  static const Window kUneven{{3, 2}, {1, 1}, {0, 1, 2, 1}, {1, 1}};
  static const Window kSteps{{2, 3}, {3, 1}, {1, 0, 0, 2}, {1, 2}};
  static const Window kWide{{5, 1}, {1, 2}, {4, 0, 4, 1}, {2, 1}};
  static const std::vector<Geometry> kGeometries = {
      {2, 16, 16, 16, 24, kThree, 1, 8, 8, ""},
      {3, 17, 32, 16, 8, kThree, 1, 8, 4, "winograd2"},
      {1, 32, 48, 7, 5, kThree, 1, 1, 1, "winograd4"},
      {1, 48, 48, 4, 4, kThree, 1, 4, 4, "winograd4"},
      {2, 16, 17, 10, 9, kThreeBare, 1, 1, 1, "winograd2"},
      {1, 16, 32, 16, 16, kThreeBy2, 1, 8, 8, ""},
      {3, 48, 17, 8, 12, kPointwise, 1, 4, 4, ""},
      {2, 16, 48, 24, 8, kPointwise, 1, 8, 8, "direct"},
      {2, 32, 16, 16, 24, kPointwise, 1, 8, 8, ""},
      {1, 3, 16, 32, 16, kSevenBy2, 1, 8, 8, ""},
      {2, 1, 17, 5, 5, kThree, 1, 1, 1, ""},
      {1, 3, 3, 6, 4, kPointwise, 1, 2, 2, ""},
      {1, 16, 16, 12, 8, kDilated, 1, 4, 4, ""},
      {2, 3, 16, 7, 5, kUneven, 1, 1, 1, ""},
      {1, 32, 16, 11, 6, kSteps, 1, 1, 1, ""},
      {1, 4, 16, 6, 9, kWide, 1, 1, 1, ""},
      {2, 16, 32, 6, 10, kThree, 16, 2, 2, ""},
      {1, 48, 24, 8, 8, kThree, 3, 8, 8, ""},
      {1, 17, 17, 4, 6, kThreeBy2, 17, 2, 1, ""},
      {1, 32, 32, 5, 3, kPointwise, 2, 1, 1, ""},
      {0, 16, 16, 8, 8, kThree, 1, 8, 8, ""},
      {0, 3, 16, 8, 8, kThreeBy2, 1, 8, 4, ""},
      {1, 16, 32, 56, 40, kThree, 1, 8, 8, "direct"},
      {1, 16, 16, 64, 72, kThree, 1, 8, 8, "winograd4"}};
  return kGeometries;
}

struct Form {
  std::string base;
  bool has_residual;
  std::string activation;
  bool is_truncated;

  std::string name() const {
    return base + (has_residual ? "Add" : "") + activation + (is_truncated ? "Truncate" : "");
  }
  size_t matrices() const {
    if (base == "SpatialConv") return 0;
    if (base == "JpegPointwiseConv") return activation.empty() ? 1 : 4;
    return !activation.empty() && has_residual ? 6 : 4;
  }
};

void set_attributes(const Form& form, const Geometry& given, Case& made) {
  const auto list = [](const auto& values) {
    return std::vector<int64_t>(values.begin(), values.end());
  };
  made.attributes["group"] = given.group;
  made.attributes["block"] = given.input_block;
  made.attributes["input_block"] = given.input_block;
  made.attributes["output_block"] = given.output_block;
  if (form.base == "JpegPointwiseConv") return;
  made.attributes["strides"] = list(given.window.strides);
  made.attributes["pads"] = list(given.window.pads);
  made.attributes["dilations"] = list(given.window.dilations);
  if (*given.method != '\0') made.attributes["method"] = std::string(given.method);
}

Map absolute(const Map& map) {
  return each(map, [](double v) { return std::abs(v); });
}

// Sets the frequencies of the output's tiles, its truncation and its layout.
void keep_frequencies(const Form& form, int64_t held_by_residual, size_t turn, Case& made) {
  if (form.is_truncated) return truncate(turn, made);
  const bool is_linear = form.base == "JpegPointwiseConv" && form.activation.empty();
  if (is_linear) keep(std::max(made.x_order.held(), held_by_residual), turn, made);
}

// Distances so large that the ratio of taps and positions rounds to 0.
void spread(Case& wrong) {
  wrong.attributes["method"] = std::string("direct");
  wrong.attributes["dilations"] = std::vector<int64_t>{1000, 1000};
  wrong.attributes["strides"] = std::vector<int64_t>{5000, 5000};
}

Case convolution_case(Random& random, const Form& form, Geometry given, size_t turn) {
  if (form.base == "SpatialConv") given.input_block = given.output_block = 1;
  const Window& window = given.window;
  Case made;
  made.op = form.name();
  set_attributes(form, given, made);
  const Map weight = random_map(random, given.outputs, given.inputs / given.group,
                                window.kernel[0], window.kernel[1]);
  const auto [x_group, y_group] = layout(turn, given.inputs, given.outputs);
  const int64_t residual_group = layout(turn / 4, given.outputs, 1).x;
  const Order order = order_of(turn + 1, residual_group, given.output_block);
  made.x_order = order_of(turn, x_group, given.input_block);
  made.y_order = {y_group, given.output_block};
  made.attributes["x_group"] = x_group;
  made.attributes["y_group"] = y_group;
  made.attributes["x_frequencies"] = made.x_order.frequencies;
  const Map x = random_operand(
      random, Map(given.batch, given.inputs, given.height, given.width), made.x_order);
  made.inputs = {tensor(x, made.x_order), tensor(weight)};
  std::vector<double> bias;
  for (int64_t c = 0; c < given.outputs; ++c) bias.push_back(random.number());
  const bool is_pointwise = form.base == "JpegPointwiseConv";
  made.inputs.push_back(is_pointwise ? numbers(bias, {given.outputs, 1, 1})
                                     : numbers(bias, {given.outputs}));
  // Computed weights are packed at every call.
  made.may_allocate = turn % 5 == 0;
  if (turn % 5 != 0) made.constants = {1, 2};
  const Map seen = to_spatial(x, given.input_block);
  Map pixels = each_channel(convolve(seen, weight, window, given.group),
                            [&](double v, int64_t, int64_t c) { return v + bias.at(c); });
  const double most = largest(convolve(absolute(seen), absolute(weight), window, given.group)) + 2;
  if (form.has_residual) {
    const Map residual = random_operand(random, pixels, order);
    made.attributes["residual_group"] = residual_group;
    made.attributes["residual_frequencies"] = order.frequencies;
    made.inputs.push_back(tensor(residual, order));
    made.refusals.push_back({"the residual has shape [1]",
                             [](Case& wrong) { wrong.inputs[3] = unused(); }});
    pixels = both(pixels, to_spatial(residual, given.output_block), std::plus());
  }
  pixels = activated(random, form.activation, turn, pixels, made);
  add_unused(made, form.matrices());
  if (weight.height > 1) made.refusals.push_back({" exceeds the padded x of shape [", spread});
  made.expected = to_jpeg(pixels, given.output_block);
  keep_frequencies(form, form.has_residual ? order.held() : 0, turn, made);
  // The error of a sum of n products is at most n roundings of the sum of their magnitudes, and
  // typically the square root of n of them. Three such errors are allowed for Winograd's points.
  const double terms = static_cast<double>(weight.channels * weight.height * weight.width);
  made.allowed = rounding(8 * std::sqrt(terms) + 2 * transform_roundings(given.output_block),
                          most * static_cast<double>(given.output_block));
  return made;
}

bool is_known(const Form& form) {
  return !form.is_truncated || (form.base != "SpatialConv" && !form.activation.empty());
}

bool fits(const Form& form, const Geometry& given) {
  if (form.base != "JpegPointwiseConv") return true;
  const Window& window = given.window;
  return window.kernel == std::array<int64_t, 2>{1, 1} &&
         window.strides == std::array<int64_t, 2>{1, 1} &&
         given.input_block == given.output_block;
}

}  // namespace

std::vector<Case> convolution_cases(Selection& selection) {
  Random random(4);
  std::vector<Case> cases;
  size_t turn = 0;
  for (const char* base : {"JpegConv", "JpegPointwiseConv", "SpatialConv"}) {
    for (const bool has_residual : {false, true}) {
      for (const char* activation : {"", "Relu", "PRelu", "Clip"}) {
        for (const bool is_truncated : {false, true}) {
          const Form form{base, has_residual, activation, is_truncated};
          if (!is_known(form)) continue;
          for (const Geometry& geometry : geometries()) {
            ++turn;
            if (fits(form, geometry) && selection.takes(form.name())) {
              cases.push_back(convolution_case(random, form, geometry, turn));
            }
          }
          ++turn;
        }
      }
    }
  }
  return cases;
}

}  // namespace jpegcompile
