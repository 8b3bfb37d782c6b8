// JpegPointwise_1 and the like on CUDA. Their nodes contain a program. Only programs with compiled
// GPU kernels are supported.
#include <algorithm>
#include <array>
#include <cctype>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "common/cuda_function.h"
#include "common/cuda_operand.h"
#include "cuda/own_programs.h"
#include "generated/makers.h"
#include "pixelwise/program.h"
#include "tiles/number_text.h"

namespace jpegcompile {
namespace {

// Returns the index of an operand such as x, c0 or v0.
int place_of(const std::string& token, int constants) {
  if (token == "x") return cuda::kPixel;
  const int number = std::stoi(token.substr(1));
  return cuda::kConstants + number + (token[0] == 'v' ? constants : 0);
}

cuda::Step step_of(const std::string& line, int constants) {
  std::istringstream tokens(line);
  cuda::Step step;
  std::array places{&step.a, &step.b, &step.c};
  std::array numbers{&step.p, &step.q};
  size_t operands = 0, attributes = 0;
  tokens >> step.name;
  for (std::string token; tokens >> token;) {
    if (std::isalpha(static_cast<unsigned char>(token[0])) != 0) {
      *places.at(operands++) = place_of(token, constants);
    } else {
      *numbers.at(attributes++) = decimal<double>(token).value();
    }
  }
  return step;
}

// Parses a text that `Program` accepts. Like `parse` in jpegcompile/gpu/programs.py.
cuda::Program parse(const std::string& text, int constants) {
  cuda::Program program{{}, constants};
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    program.steps.push_back(step_of(line, constants));
  }
  return program;
}

bool divides(const cuda::Program& program) {
  return std::ranges::find(program.steps, "Div", &cuda::Step::name) != program.steps.end();
}

// Makes the result zero in channels that only pad groups, where the program might divide by zero.
// Appends a constant that is 1 for real channels. Like `guarded` in jpegcompile/gpu/programs.py.
cuda::Program guarded(cuda::Program program) {
  if (!divides(program)) return program;
  const int guard = cuda::kConstants + program.constants++;
  for (cuda::Step& step : program.steps) {
    for (int* place : {&step.a, &step.b, &step.c}) *place += *place >= guard ? 1 : 0;
  }
  const int last = guard + static_cast<int>(program.steps.size());
  program.steps.push_back({"Where", guard, last, guard});
  return program;
}

// A node's program.
struct Given {
  explicit Given(const Node& node) : steps(node.text("program")) {
    const std::optional<Tensor> table = node.constant(In::kConstants);
    const bool has_rows = table && table->shape.rank() == 4;
    // Compiled programs have at least one constant.
    count = static_cast<int>(
        std::max<int64_t>({has_rows ? std::min(table->shape[0], kMaxProgramConstants) : 1,
                           steps.constants(), 1}));
    program = guarded(parse(node.text("program"), count));
    cuda::require_program(node.runtime().cubins(), program);
  }

  Program steps;
  int count = 0;
  cuda::Program program;
};

class ProgramOnCuda : public FunctionOnCuda {
 public:
  explicit ProgramOnCuda(const Node& node) : ProgramOnCuda(node, Given(node)) {}

 private:
  ProgramOnCuda(const Node& node, Given given)
      : FunctionOnCuda(node, given.program, same(node)),
        given_(std::move(given)),
        table_(node, In::kConstants) {}

  std::vector<float> constants(CudaCall& call, const Map& x) const override {
    const Tensor table = table_.of(call);
    given_.steps.check_constants(table.shape, x.channels);
    std::vector<float> values = no_constants(x);
    const int64_t stored = cuda::padded(x.channels), step = table.shape[1] == 1 ? 0 : 1;
    const auto row = [&](int64_t number) { return values.data() + number * stored; };
    for (int64_t number = 0; number < std::min<int64_t>(given_.count, table.shape[0]); ++number) {
      const float* from = table.floats() + number * table.shape[1];
      for (int64_t c = 0; c < x.channels; ++c) row(number)[c] = from[c * step];
    }
    const bool is_guarded = given_.program.constants > given_.count;
    if (is_guarded) std::fill_n(row(given_.count), x.channels, 1.0F);
    return values;
  }
  bool are_fixed() const override { return table_.is_constant(); }

  Given given_;
  HostOperand table_;
};

}  // namespace

std::unique_ptr<CudaKernel> make_program_on_cuda(const Node& node) {
  return std::make_unique<ProgramOnCuda>(node);
}

}  // namespace jpegcompile
