// Per-pixel functions.
#include <cmath>
#include <map>
#include <numbers>

#include "cases.h"

namespace jpegcompile {
namespace {

using Function = double (*)(double);

constexpr double kAlpha = 0.5, kBeta = 0.25, kGamma = 1.25;

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double softplus(double x) { return std::log1p(std::exp(x)); }
double hard_sigmoid(double x, double alpha, double beta) {
  return std::min(std::max(alpha * x + beta, 0.0), 1.0);
}

const std::map<std::string, Function>& functions() {
  static const std::map<std::string, Function> kFunctions = {
      {"JpegAbs", std::abs},
      {"JpegAtan", std::atan},
      {"JpegCelu", [](double x) { return x > 0 ? x : kAlpha * std::expm1(x / kAlpha); }},
      {"JpegCos", std::cos},
      {"JpegElu", [](double x) { return x > 0 ? x : kAlpha * std::expm1(x); }},
      {"JpegErf", std::erf},
      {"JpegExp", std::exp},
      {"JpegGelu", [](double x) { return x / 2 * (1 + std::erf(x / std::numbers::sqrt2)); }},
      {"JpegHardSigmoid", [](double x) { return hard_sigmoid(x, kAlpha, kBeta); }},
      {"JpegHardSwish", [](double x) { return x * hard_sigmoid(x, 1.0 / 6, 0.5); }},
      {"JpegMish", [](double x) { return x * std::tanh(softplus(x)); }},
      {"JpegSelu", [](double x) { return kGamma * (x > 0 ? x : kAlpha * std::expm1(x)); }},
      {"JpegSigmoid", sigmoid},
      {"JpegSilu", [](double x) { return x * sigmoid(x); }},
      {"JpegSin", std::sin},
      {"JpegSoftplus", softplus},
      {"JpegSoftsign", [](double x) { return x / (1 + std::abs(x)); }},
      {"JpegTanh", std::tanh}};
  return kFunctions;
}

struct Tiles {
  Map x;
  int64_t block;
  Order x_order;
  int64_t y_group;
};

Tiles tiles_of(Random& random, const TileShape& shape, size_t turn) {
  const auto [batch, channels, height, width, block] = shape;
  const Layout groups = layout(turn, channels, channels);
  const Order order = order_of(turn, groups.x, block);
  return {random_operand(random, Map(batch, channels, height, width), order), block, order,
          groups.y};
}

Case case_of(const std::string& op, const Tiles& tiles) {
  const Order& order = tiles.x_order;
  Case made{op,
            {{"block", tiles.block},
             {"x_group", order.group},
             {"x_frequencies", order.frequencies},
             {"y_group", tiles.y_group}},
            {}, {}, {}, 0, tiles.y_group, order};
  made.inputs.push_back(tensor(tiles.x, order));
  return made;
}

// Sets the expected result to these pixels.
void expect(Case& made, const Tiles& tiles, const Map& pixels) {
  made.expected = to_jpeg(pixels, tiles.block);
  double most = largest(to_spatial(tiles.x, tiles.block)) + 1;
  for (const double value : pixels.values) {
    if (!std::isnan(value)) most = std::max(most, std::abs(value));
  }
  // Forward and inverse transform, and a few roundings of the function.
  made.allowed = rounding(3 * transform_roundings(tiles.block),
                          most * static_cast<double>(tiles.block));
}

Case pixelwise_case(const std::string& op, const Tiles& tiles) {
  Case made = case_of(op, tiles);
  made.attributes["alpha"] = static_cast<float>(kAlpha);
  made.attributes["beta"] = static_cast<float>(kBeta);
  made.attributes["gamma"] = static_cast<float>(kGamma);
  made.attributes["approximate"] = std::string("none");
  add_unused(made, 4);
  expect(made, tiles, each(to_spatial(tiles.x, tiles.block), functions().at(op)));
  return made;
}

Case gelu_by_tanh(const Tiles& tiles) {
  Case made = pixelwise_case("JpegGelu", tiles);
  made.attributes["approximate"] = std::string("tanh");
  expect(made, tiles, each(to_spatial(tiles.x, tiles.block), [](double x) {
           const double u = std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x);
           return x / 2 * (1 + std::tanh(u));
         }));
  return made;
}

// The arguments are the pixel that selects the piece, the pixel that the piece is applied to,
struct Pieces {
  std::function<double(double, double, int64_t)> of;  // and the channel
  std::vector<double> steps;                          // where pieces meet
};

Pieces pieces_of(Random& random, const std::string& name, const Map& x, size_t turn, Case& made) {
  if (name == "Relu") return {[](double by, double v, int64_t) { return by > 0 ? v : 0; }, {0}};
  if (name == "Clip") {
    made.inputs.push_back(numbers({-0.5}, {}));
    made.inputs.push_back(numbers({0.75}, {1}));
    return {[](double by, double v, int64_t) { return by > 0.75 ? 0.75 : by > -0.5 ? v : -0.5; },
            {-0.5, 0.75}};
  }
  std::vector<double> slopes;
  const int64_t count = turn % 3 == 0 ? 1 : x.channels;
  for (int64_t c = 0; c < count; ++c) slopes.push_back(random.number());
  if (turn % 3 == 2) {
    // The same value for all pixels, but in a full map.
    std::vector<double> all;
    for (const double slope : slopes) {
      all.insert(all.end(), static_cast<size_t>(x.height * x.width), slope);
    }
    made.inputs.push_back(numbers(all, {count, x.height, x.width}));
  } else {
    made.inputs.push_back(numbers(slopes, {count, 1, 1}));
  }
  return {[slopes](double by, double v, int64_t c) {
            return by > 0 ? v : v * slopes[slopes.size() == 1 ? 0 : static_cast<size_t>(c)];
          },
          {0}};
}

Case piecewise_case(Random& random, const std::string& form, const std::string& name,
                    const Tiles& tiles, size_t turn) {
  Case made = case_of(form + name, tiles);
  const Map exact = to_spatial(tiles.x, tiles.block);
  Map rough = exact;
  if (form != "Jpeg") {
    const int64_t frequencies = 1 + static_cast<int64_t>(turn) % (2 * tiles.block - 1);
    made.inputs.push_back(band(tiles.x.height, tiles.x.width, tiles.block, frequencies));
    rough = to_spatial(band_of(tiles.x, tiles.block, frequencies), tiles.block);
  }
  const Pieces pieces = pieces_of(random, name, tiles.x, turn, made);
  add_unused(made, 4);
  const Map& x = form == "JpegApx" ? rough : exact;
  Map pixels = both(rough, x, [&](double by, double v) {
    for (const double step : pieces.steps) {
      if (form == "JpegAsm" && std::abs(by - step) < 1e-5) return std::nan("");
    }
    return v;
  });
  size_t index = 0;
  pixels = each_channel(pixels, [&](double v, int64_t, int64_t c) {
    const double by = rough.values[index++];
    return std::isnan(v) ? v : pieces.of(by, v, c);
  });
  expect(made, tiles, pixels);
  return made;
}

}  // namespace

std::vector<Case> tile_cases(Selection& selection) {
  Random random(2);
  std::vector<Case> cases;
  size_t turn = 0;
  for (const TileShape& shape : tile_shapes()) {
    for (const auto& [op, function] : functions()) {
      ++turn;
      if (selection.takes(op)) cases.push_back(pixelwise_case(op, tiles_of(random, shape, turn)));
    }
    ++turn;
    if (selection.takes("JpegGelu")) cases.push_back(gelu_by_tanh(tiles_of(random, shape, turn)));
    for (const char* form : {"Jpeg", "JpegAsm", "JpegApx"}) {
      for (const char* name : {"Relu", "PRelu", "Clip"}) {
        ++turn;
        if (!selection.takes(std::string(form) + name)) continue;
        const Tiles tiles = tiles_of(random, shape, turn);
        cases.push_back(piecewise_case(random, form, name, tiles, turn));
      }
    }
  }
  return cases;
}

}  // namespace jpegcompile
