// Runs every operator of the library without ONNX Runtime, for the sanitizers: they see what the
// library does to memory and between threads. Results are compared with simple loops, too.
//
//     run_operators [--quick] [--hostile N] [OPERATOR...]
//
// --quick: a quarter of the cases. --hostile: nodes that make no sense, for each operator; 60.
// Exits with 1 if anything does not hold, or if an operator has no case.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iterator>
#include <map>

#include "check.h"

#if defined(__SANITIZE_ADDRESS__)
// What is too large is a failed allocation, as without the sanitizer.
extern "C" const char* __asan_default_options() {
  return "allocator_may_return_null=1:max_allocation_size_mb=1024:detect_stack_use_after_return=1";
}
#elif defined(__SANITIZE_THREAD__)
extern "C" const char* __tsan_default_options() {
  return "allocator_may_return_null=1:max_allocation_size_mb=1024:halt_on_error=1";
}
#endif

namespace {

using jpegcompile::Case;
using jpegcompile::Value;

struct Options {
  bool is_quick = false;
  int64_t hostile = 60;
  std::vector<std::string> names;
};

Options parse(const std::vector<std::string>& arguments) {
  Options options;
  for (size_t index = 0; index < arguments.size(); ++index) {
    if (arguments[index] == "--quick") {
      options.is_quick = true;
    } else if (arguments[index] == "--hostile" && index + 1 < arguments.size()) {
      options.hostile = std::atoll(arguments[++index].c_str());
    } else {
      options.names.push_back(arguments[index]);
    }
  }
  return options;
}

std::map<std::string, std::vector<Case>> all_cases() {
  std::map<std::string, std::vector<Case>> by_name;
  for (auto make : {jpegcompile::channel_cases, jpegcompile::convolution_cases,
                    jpegcompile::ingest_cases, jpegcompile::tile_cases,
                    jpegcompile::window_cases}) {
    for (Case& one : make()) by_name[one.op].push_back(std::move(one));
  }
  return by_name;
}

void check(const Case& one, const jpegcompile::ort::CustomOp& op) {
  jpegcompile::stand_in::Pool pool(1);
  const jpegcompile::stand_in::Kernel kernel(op, node_of(one));
  const Value alone = kernel.run(inputs_of(one), pool);
  check_result(one, alone);
  check_threads(one, op, alone);
  check_images(one, op, alone);
}

// The cases of one operator; `turn` shifts which ones a quick run takes.
bool check_operator(const jpegcompile::ort::CustomOp& op, const std::vector<Case>& cases,
                    const Options& options, size_t turn) {
  const char* name = op.get_name(&op);
  if (cases.empty()) {
    std::fprintf(stderr, "%s has no case: add one to tests/native/cases_*.cc\n", name);
    return false;
  }
  size_t index = 0, taken = 0;
  try {
    for (; index < cases.size(); ++index) {
      const bool is_taken = !options.is_quick || (index + turn) % 4 == 0;
      if (!is_taken && !(index + 1 == cases.size() && taken == 0)) continue;
      check(cases[index], op);
      ++taken;
    }
    index = turn % cases.size();
    jpegcompile::stand_in::Pool pool(1);
    const jpegcompile::stand_in::Kernel kernel(op, node_of(cases[index]));
    check_failures(cases[index], op, kernel.run(inputs_of(cases[index]), pool));
    const int64_t rounds = std::max<int64_t>(
        1, options.hostile / static_cast<int64_t>(std::min<size_t>(cases.size(), 4)));
    int64_t refused = 0;
    for (size_t i = 0; i < 4 && options.hostile > 0; ++i, ++index) {
      refused += check_hostile(cases[index % cases.size()], op, turn * 4 + i, rounds);
    }
    std::printf("%s: %zu cases, %lld hostile nodes refused\n", name, taken,
                static_cast<long long>(refused));
    return true;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s, case %zu: %s\n", name, index, error.what());
    return false;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse({argv + 1, argv + argc});
  bool holds = true;
  // What was done stands there, too, where a sanitizer ends the process.
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  try {
    jpegcompile::check_registration();
    const auto base = jpegcompile::stand_in::base_of(jpegcompile::ort::kApiVersion);
    auto cases = all_cases();
    size_t turn = 0;
    for (const auto* op : jpegcompile::stand_in::registered(base)) {
      const std::string name = op->get_name(op);
      const bool is_asked =
          options.names.empty() || std::ranges::count(options.names, name) > 0;
      if (is_asked) holds &= check_operator(*op, cases[name], options, turn++);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    holds = false;
  }
  return holds ? 0 : 1;
}
