#include "pixelwise/program.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <sstream>
#include <string_view>

#include "ort/kernel.h"
#include "tiles/extrema.h"
#include "tiles/isa.h"
#include "tiles/number_text.h"
#include "work/workspace.h"

namespace jpegcompile {
namespace {

// Floats of a register. All steps process this many pixels before the next ones, so that registers
// stay in the L1 cache.
constexpr int64_t kPart = 1024;

template <typename V>
JPEGCOMPILE_INLINE V read(const StepOperand& operand, int64_t index) {
  return load<V>(operand.data + (index & operand.mask));
}

template <typename Rule, typename V>
JPEGCOMPILE_INLINE void combine(const StepCall& call) {
  for (int64_t index = 0; index < call.count; index += kWidth<V>) {
    const V a = read<V>(call.a, index), b = read<V>(call.b, index), c = read<V>(call.c, index);
    store<V>(call.to + index, Rule::of(a, b, c));
  }
}

// Defines a struct `Rule` that computes an expression of the vectors a, b and c, and a function
// `result` that applies it to pixels.
#define JPEGCOMPILE_STEP(result, Rule, expression)                                       \
  struct Rule {                                                                          \
    template <typename V>                                                                \
    JPEGCOMPILE_INLINE static V of(const V& a, const V& b, const V& c) {                 \
      const V zero{}, one = zero + 1.0F;                                                 \
      static_cast<void>(a), static_cast<void>(b), static_cast<void>(c);                  \
      static_cast<void>(zero), static_cast<void>(one);                                   \
      return expression;                                                                 \
    }                                                                                    \
  };                                                                                     \
  template <typename Isa>                                                                \
  JPEGCOMPILE_INLINE void result##_body(const StepCall& call) {                          \
    combine<Rule, typename Isa::Vector>(call);                                           \
  }                                                                                      \
  JPEGCOMPILE_MULTIVERSION(result, result##_body, StepCall)

JPEGCOMPILE_STEP(add_step, AddRule, a + b)
JPEGCOMPILE_STEP(sub_step, SubRule, a - b)
JPEGCOMPILE_STEP(mul_step, MulRule, a * b)
JPEGCOMPILE_STEP(div_step, DivRule, a / b)
JPEGCOMPILE_STEP(max_step, MaxRule, Largest::of(a, b))
JPEGCOMPILE_STEP(min_step, MinRule, Smallest::of(a, b))
JPEGCOMPILE_STEP(neg_step, NegRule, -a)
JPEGCOMPILE_STEP(relu_step, ReluRule, a < zero ? zero : a)
JPEGCOMPILE_STEP(prelu_step, PReluRule, a < zero ? a * b : a)
JPEGCOMPILE_STEP(where_step, WhereRule, a != zero ? b : c)
JPEGCOMPILE_STEP(greater_step, GreaterRule, a > b ? one : zero)
JPEGCOMPILE_STEP(greater_or_equal_step, GreaterOrEqualRule, a >= b ? one : zero)
JPEGCOMPILE_STEP(less_step, LessRule, a < b ? one : zero)
JPEGCOMPILE_STEP(less_or_equal_step, LessOrEqualRule, a <= b ? one : zero)
JPEGCOMPILE_STEP(equal_step, EqualRule, a == b ? one : zero)
JPEGCOMPILE_STEP(not_step, NotRule, one - a)
JPEGCOMPILE_STEP(and_step, AndRule, a * b)
JPEGCOMPILE_STEP(or_step, OrRule, a < b ? b : a)

struct Combination {
  std::string_view name;
  size_t operands;
  void (*step)(const StepCall&);
};

constexpr std::array kCombinations{Combination{"Add", 2, add_step},
                                   Combination{"Sub", 2, sub_step},
                                   Combination{"Mul", 2, mul_step},
                                   Combination{"Div", 2, div_step},
                                   Combination{"Max", 2, max_step},
                                   Combination{"Min", 2, min_step},
                                   Combination{"Neg", 1, neg_step},
                                   Combination{"Relu", 1, relu_step},
                                   Combination{"PRelu", 2, prelu_step},
                                   Combination{"Where", 3, where_step},
                                   Combination{"Greater", 2, greater_step},
                                   Combination{"GreaterOrEqual", 2, greater_or_equal_step},
                                   Combination{"Less", 2, less_step},
                                   Combination{"LessOrEqual", 2, less_or_equal_step},
                                   Combination{"Equal", 2, equal_step},
                                   Combination{"Not", 1, not_step},
                                   Combination{"And", 2, and_step},
                                   Combination{"Or", 2, or_step}};

[[noreturn]] void refuse(const std::string& line) {
  throw KernelError("attribute program has an invalid step '" + line + "'");
}

}  // namespace

Program::Program(const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) read_line(line);
  if (steps_.empty()) throw KernelError("attribute program has no steps");
  share_registers();
}

void Program::check_constants(const Shape& table, int64_t channels) const {
  const bool fits = table.rank() == 4 && table[0] >= constants_ &&
                    (table[1] == 1 || table[1] == channels) && table[2] == 1 && table[3] == 1;
  if (fits) return;
  throw KernelError("constants has shape " + table.text() + "; the program needs " +
                    std::to_string(constants_) + " constants for " + std::to_string(channels) +
                    " channels");
}

void Program::read_line(const std::string& line) {
  if (steps_.size() == kMaxProgramSteps) {
    throw KernelError("attribute program has too many steps; it must have at most " +
                      std::to_string(kMaxProgramSteps));
  }
  std::istringstream tokens(line);
  std::string name;
  tokens >> name;
  Step step;
  size_t operands = 0, attributes = 0, wanted = 1;
  const auto* found = std::ranges::find(kCombinations, name, &Combination::name);
  if (found != kCombinations.end()) {
    step.combine = found->step;
    wanted = found->operands;
  } else {
    step.function = pixel_function(name);
    if (step.function == nullptr) refuse(line);
  }
  for (std::string token; tokens >> token;) {
    if (std::isalpha(static_cast<unsigned char>(token[0])) != 0) {
      if (operands == wanted || attributes > 0) refuse(line);
      step.operands[operands++] = operand_of(token, line);
    } else {
      if (step.function == nullptr || attributes == 2) refuse(line);
      const std::optional<float> number = decimal<float>(token);
      if (!number.has_value()) refuse(line);
      step.attributes[attributes++] = *number;
    }
  }
  if (operands != wanted) refuse(line);
  // The compiler folds functions of constants, so no valid program contains them.
  if (step.function != nullptr && step.operands[0].kind == Kind::kConstant) refuse(line);
  for (const Operand& operand : step.operands) {
    if (operand.kind == Kind::kConstant) constants_ = std::max(constants_, operand.number + 1);
  }
  step.target = static_cast<int64_t>(steps_.size());
  steps_.push_back(step);
}

Program::Operand Program::operand_of(const std::string& token, const std::string& line) const {
  if (token == "x") return {Kind::kPixels, 0};
  const bool is_number =
      token.size() > 1 && token.size() < 5 &&
      std::all_of(token.begin() + 1, token.end(),
                  [](unsigned char c) { return std::isdigit(c) != 0; });
  if (!is_number) refuse(line);
  const int64_t number = std::stoll(token.substr(1));
  if (token[0] == 'c' && number < kMaxProgramConstants) return {Kind::kConstant, number};
  if (token[0] == 'v' && number < static_cast<int64_t>(steps_.size())) return {Kind::kStep, number};
  refuse(line);
}

// Assigns registers to steps. A step may reuse a register after its last reader.
void Program::share_registers() {
  const auto count = static_cast<int64_t>(steps_.size());
  std::vector<int64_t> last(steps_.size(), -1), places(steps_.size()), unused;
  for (int64_t number = 0; number < count; ++number) {
    for (const Operand& operand : steps_[static_cast<size_t>(number)].operands) {
      if (operand.kind == Kind::kStep) last[static_cast<size_t>(operand.number)] = number;
    }
  }
  for (int64_t number = 0; number < count; ++number) {
    Step& step = steps_[static_cast<size_t>(number)];
    // A step may overwrite its operands: it reads each vector before it stores the result there.
    for (Operand& operand : step.operands) {
      if (operand.kind != Kind::kStep) continue;
      const auto made_by = static_cast<size_t>(operand.number);
      operand.number = places[made_by];
      if (last[made_by] == number) unused.push_back(places[made_by]), last[made_by] = -1;
    }
    if (unused.empty()) unused.push_back(registers_++);
    step.target = places[static_cast<size_t>(number)] = unused.back();
    unused.pop_back();
  }
}

void Program::run(float* pixels, int64_t count, const float* constants) const {
  float* registers = task_floats(1, static_cast<size_t>(registers_ * kPart));
  for (int64_t first = 0; first < count; first += kPart) {
    run_part(pixels + first, std::min(kPart, count - first), constants, registers);
  }
}

void Program::run_part(float* pixels, int64_t count, const float* constants,
                       float* registers) const {
  const auto place = [&](const Operand& operand) -> StepOperand {
    switch (operand.kind) {
      case Kind::kConstant:
        return {constants + operand.number * kLanes, kLanes - 1};
      case Kind::kStep:
        return {registers + operand.number * kPart, -1};
      default:
        // A missing operand is read, but not used.
        return {pixels, -1};
    }
  };
  for (const Step& step : steps_) {
    float* to = &step == &steps_.back() ? pixels : registers + step.target * kPart;
    const StepOperand a = place(step.operands[0]);
    if (step.function != nullptr) {
      step.function({a.data, to, count, step.attributes[0], step.attributes[1]});
    } else {
      step.combine({to, a, place(step.operands[1]), place(step.operands[2]), count});
    }
  }
}

}  // namespace jpegcompile
