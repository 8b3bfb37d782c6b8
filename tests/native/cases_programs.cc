// Per-pixel functions that are programs.
#include <cmath>
#include <numbers>

#include "cases.h"

namespace jpegcompile {
namespace {

constexpr int kProgrammed = 32;

struct Programmed {
  std::string text;
  std::vector<double> constants;
  double (*of)(double x, const std::vector<double>& c);
};

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// Every kind of step except functions, which have cases of their own.
const std::vector<Programmed>& programs() {
  static const std::vector<Programmed> kPrograms = {
      {"Mul x c0\nErf v0\nAdd v1 c1\nMul v2 x",
       {std::numbers::sqrt2 / 2, 1},
       [](double x, const auto& c) { return x * (std::erf(x * c[0]) + c[1]); }},
      {"Add x c0\nMax v0 c1\nMin v1 c2\nMul x v2",
       {3, 0, 6},
       [](double x, const auto& c) { return x * std::min(std::max(x + c[0], c[1]), c[2]); }},
      {"Greater x c0\nPRelu x c1\nWhere v0 x v1\nRelu v2\nSub v3 x",
       {0, 0.25},
       [](double x, const auto&) { return std::max(x, 0.0) - x; }},
      {"Neg x\nExp v0\nAdd v1 c0\nDiv x v2",
       {1},
       [](double x, const auto&) { return x * sigmoid(x); }},
      {"Less c0 c1\nGreaterOrEqual c1 c0\nAnd v0 v1\nNot v2\nOr v3 v2\nEqual c0 c0\n"
       "LessOrEqual v4 v5\nElu x 0.5\nWhere v6 v7 c1",
       {0.125, 0.5},
       [](double x, const auto&) { return x > 0 ? x : 0.5 * std::expm1(x); }},
      {"Softplus x\nTanh v0\nMul v1 x\nHardSigmoid v2 0.25 0.5\nMul v3 v2",
       {},
       [](double x, const auto&) {
         const double mish = x * std::tanh(std::log1p(std::exp(x)));
         return mish * std::min(std::max(0.25 * mish + 0.5, 0.0), 1.0);
       }}};
  return kPrograms;
}

Case program_case(Random& random, const std::string& op, const Programmed& program,
                  const TileShape& shape, size_t turn) {
  const auto [batch, channels, height, width, block] = shape;
  const Layout groups = layout(turn, channels, channels);
  const Order order = order_of(turn, groups.x, block);
  const Map x = random_operand(random, Map(batch, channels, height, width), order);
  Case made{op,
            {{"block", block},
             {"program", program.text},
             {"x_group", order.group},
             {"x_frequencies", order.frequencies},
             {"y_group", groups.y}},
            {}, {}, {}, 0, groups.y, order};
  // One value for all channels, or one per channel where that is allowed.
  const int64_t count = turn % 2 == 0 ? channels : 1;
  const auto rows = std::max<int64_t>(static_cast<int64_t>(program.constants.size()), 1);
  std::vector<double> table(static_cast<size_t>(rows * count));
  for (size_t index = 0; index < program.constants.size() * static_cast<size_t>(count); ++index) {
    table[index] = program.constants[index / static_cast<size_t>(count)];
  }
  made.inputs = {tensor(x, order), numbers(table, {rows, count, 1, 1})};
  add_unused(made, 4);
  const Map pixels = to_spatial(x, block);
  const Map results = each(pixels, [&](double v) { return program.of(v, program.constants); });
  made.expected = to_jpeg(results, block);
  const double most = std::max(largest(pixels), largest(results)) + 8;
  made.allowed =
      rounding(4 * transform_roundings(block), most * static_cast<double>(block));
  made.refusals.push_back({"invalid step 'Sqrt x'", [](Case& wrong) {
                             wrong.attributes["program"] = std::string("Sqrt x");
                           }});
  made.refusals.push_back({"invalid step 'Mul x v0'", [](Case& wrong) {
                             wrong.attributes["program"] = std::string("Mul x v0");
                           }});
  made.refusals.push_back({"program has no steps", [](Case& wrong) {
                             wrong.attributes["program"] = std::string();
                           }});
  return made;
}

}  // namespace

std::vector<Case> program_cases(Selection& selection) {
  Random random(8);
  std::vector<Case> cases;
  size_t turn = 0;
  const std::vector<TileShape>& shapes = tile_shapes();
  for (int number = 1; number <= kProgrammed; ++number) {
    const std::string op = "JpegPointwise_" + std::to_string(number);
    for (int64_t part = 0; part < 2; ++part) {
      ++turn;
      const Programmed& program = programs()[turn % programs().size()];
      if (!selection.takes(op)) continue;
      cases.push_back(program_case(random, op, program, shapes[turn % shapes.size()], turn));
    }
  }
  return cases;
}

}  // namespace jpegcompile
