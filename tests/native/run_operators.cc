// Runs every operator of the library without ONNX Runtime, for the sanitizers: they see what the
// library does to memory and between threads. Results are compared with simple loops, too.
//
//     run_operators [--quick] [--hostile N] [OPERATOR...]
//     run_operators --fault memory|threads
//
// --quick: a quarter of the cases. --hostile: nodes that make no sense, for each operator; 60.
// Exits with 1 if anything does not hold, or if an operator has no case. --fault: does what a
// sanitizer has to find, and exits with 0 if nothing stops it.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iterator>
#include <map>
#include <numeric>
#include <set>

#include "check.h"

#if defined(__SANITIZE_ADDRESS__)
// An allocation that is too large fails, as without the sanitizer.
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
  std::set<std::string> names;
  std::string fault;
};

Options parse(const std::vector<std::string>& arguments) {
  Options options;
  for (size_t index = 0; index < arguments.size(); ++index) {
    if (arguments[index] == "--quick") {
      options.is_quick = true;
    } else if (arguments[index] == "--hostile" && index + 1 < arguments.size()) {
      options.hostile = std::atoll(arguments[++index].c_str());
    } else if (arguments[index] == "--fault" && index + 1 < arguments.size()) {
      options.fault = arguments[++index];
    } else {
      options.names.insert(arguments[index]);
    }
  }
  return options;
}

std::map<std::string, std::vector<Case>> make_cases(jpegcompile::Selection selection) {
  std::map<std::string, std::vector<Case>> by_name;
  for (auto make : {jpegcompile::channel_cases, jpegcompile::convolution_cases,
                    jpegcompile::first_convolution_cases, jpegcompile::ingest_cases,
                    jpegcompile::map_cases, jpegcompile::program_cases, jpegcompile::tile_cases,
                    jpegcompile::transposed_cases, jpegcompile::window_cases,
#ifdef JPEGCOMPILE_CORPUS
                    jpegcompile::decode_cases, jpegcompile::preprocessing_cases,
#endif
       }) {
    for (Case& one : make(selection)) by_name[one.op].push_back(std::move(one));
  }
  return by_name;
}

// Reads a float past a tensor's end, or lets two tasks of a pool write the same float.
void commit_fault(const std::string& fault) {
  Value value(jpegcompile::stand_in::ElementType::kFloat, {3});
  if (fault == "memory") {
    volatile const float* behind = value.as<float>() + 3;
    static_cast<void>(*behind);
  }
  jpegcompile::stand_in::Pool pool(2);
  const auto write = [](void* data, size_t) { *static_cast<volatile float*>(data) = 1; };
  if (fault == "threads") pool.run(write, 100'000, value.data);
}

void check(const Case& one, const jpegcompile::ort::CustomOp& op) {
  const jpegcompile::Outputs alone = run_alone(one, op);
  check_result(one, alone);
  check_threads(one, op, alone);
  check_images(one, op, alone);
  check_ways(one, op, alone);
  check_allocations(one, op);
  check_refusals(one, op);
}

// The random numbers of an operator do not depend on which other operators run.
uint64_t seed_of(const std::string& name) {
  return std::accumulate(name.begin(), name.end(), uint64_t{0},
                         [](uint64_t seed, char c) { return seed * 31 + static_cast<uint8_t>(c); });
}

bool check_operator(const jpegcompile::ort::CustomOp& op, const std::vector<Case>& cases,
                    const Options& options) {
  const char* name = op.get_name(&op);
  if (cases.empty()) {
    std::fprintf(stderr, "%s has no case: add one to tests/native/cases_*.cc\n", name);
    return false;
  }
  const uint64_t seed = seed_of(name);
  size_t index = 0;
  try {
    for (; index < cases.size(); ++index) check(cases[index], op);
    index = seed % cases.size();
    check_failures(cases[index], op, run_alone(cases[index], op));
    const int64_t rounds = std::max<int64_t>(
        1, options.hostile / static_cast<int64_t>(std::min<size_t>(cases.size(), 4)));
    int64_t refused = 0;
    for (size_t i = 0; i < 4 && options.hostile > 0; ++i, ++index) {
      refused += check_hostile(cases[index % cases.size()], op, seed + i, rounds);
    }
    std::printf("%s: %zu cases, %lld hostile nodes refused\n", name, cases.size(),
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
  // Lines appear even if a sanitizer ends the process.
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  if (!options.fault.empty()) return commit_fault(options.fault), 0;
  try {
    jpegcompile::check_registration();
    jpegcompile::check_number_text();
    jpegcompile::check_stages();
    jpegcompile::check_workspace();
    const auto base = jpegcompile::stand_in::base_of(jpegcompile::ort::kApiVersion);
    const jpegcompile::Selection selection(options.is_quick, options.names);
    auto cases = make_cases(selection);
    std::vector<jpegcompile::Planned> planned;
    for (const auto* op : jpegcompile::stand_in::registered(base)) {
      const std::string name = op->get_name(op);
      // run_cuda checks the operators for CUDA.
      if (!selection.has(name) || jpegcompile::stand_in::is_on_device(*op)) continue;
      const std::vector<Case>& all = cases[name];
      holds &= check_operator(*op, all, options);
      if (!all.empty()) planned.push_back({*op, all[seed_of(name) % all.size()]});
    }
    if (holds) jpegcompile::check_together(planned);
    std::printf("%zu operators at once\n", planned.size());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    holds = false;
  }
  return holds ? 0 : 1;
}
