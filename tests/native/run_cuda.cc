// Runs the operators that have kernels for CUDA without ONNX Runtime and without a GPU, for the
// sanitizers: what is launched, with which memory, by which threads; and every call of the driver
// failing in turn.
//
//     JPEGCOMPILE_LIBCUDA=.../libcuda.so.1 JPEGCOMPILE_CUBINS=... run_cuda [OPTION...] [OPERATOR...]
//     JPEGCOMPILE_LIBCUDA=.../libcuda.so.1 run_cuda --fault threads
//
// --quick: a quarter of the cases. --threads: only what concerns threads. Exits with 1 if anything
// does not hold, or if an operator has no case. --fault: does what ThreadSanitizer has to find, and
// exits with 0 if nothing stops it.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iterator>
#include <map>
#include <set>
#include <thread>

#include "cuda_checks.h"

extern "C" const char* JpegcompileCudaStatus(const char*) noexcept;

#if defined(__SANITIZE_ADDRESS__)
extern "C" const char* __asan_default_options() {
  return "allocator_may_return_null=1:max_allocation_size_mb=1024:detect_stack_use_after_return=1";
}
#elif defined(__SANITIZE_THREAD__)
extern "C" const char* __tsan_default_options() {
  return "allocator_may_return_null=1:max_allocation_size_mb=1024:halt_on_error=1";
}
// Locks of the stand-in driver are ignored; see CMakeLists.txt.
extern "C" const char* __tsan_default_suppressions() { return "called_from_lib:libcuda.so.1"; }
#endif

namespace {

using jpegcompile::Case;
using jpegcompile::ort::CustomOp;

using Entries = std::map<std::string, std::string>;

std::vector<const CustomOp*> on_cuda(const Entries& entries = {}) {
  namespace stand_in = jpegcompile::stand_in;
  std::vector<const CustomOp*> ops;
  const auto base = stand_in::base_of(jpegcompile::ort::kApiVersion);
  for (const auto* op : stand_in::registered(base, entries)) {
    if (stand_in::is_on_device(*op)) ops.push_back(op);
  }
  return ops;
}

// Configuration entries of a session determine which operators it gets.
void check_entries(size_t operators) {
  const char* file = std::getenv("JPEGCOMPILE_CUBINS");
  const std::string asked = file == nullptr ? "" : file;
  const auto require = [](const Entries& entries, size_t expected) {
    const size_t found = on_cuda(entries).size();
    if (found == expected) return;
    throw std::runtime_error("a session gets " + std::to_string(found) + " operators for CUDA, " +
                             std::to_string(expected) + " are expected");
  };
  require({{"jpegcompile.cuda", "0"}}, 0);
  require({{"jpegcompile.cuda", "0"}, {"jpegcompile.cubins", asked}}, 0);
  require({{"jpegcompile.cubins", "/no/kernels"}}, 0);
  require({{"jpegcompile.cubins", asked}}, operators);
  require({{"jpegcompile.cubins", asked + ":" + asked}}, operators);
}

std::map<std::string, std::vector<Case>> make_cases(jpegcompile::Selection& selection) {
  std::map<std::string, std::vector<Case>> by_name;
  for (auto make : {jpegcompile::channel_cases, jpegcompile::convolution_cases,
                    jpegcompile::first_convolution_cases, jpegcompile::ingest_cases,
                    jpegcompile::map_cases, jpegcompile::program_cases, jpegcompile::tile_cases,
                    jpegcompile::transposed_cases, jpegcompile::window_cases}) {
    for (Case& one : make(selection)) by_name[one.op].push_back(std::move(one));
  }
  return by_name;
}

void check_operator(const CustomOp& op, const std::vector<Case>& all, bool threads_alone) {
  namespace checks = jpegcompile::cuda_checks;
  const char* name = op.get_name(&op);
  std::vector<Case> cases;
  std::ranges::copy_if(all, std::back_inserter(cases),
                       [&](const Case& one) { return !checks::is_declined(one, op); });
  if (cases.empty()) throw std::runtime_error(std::string(name) + " has no case");
  int64_t launches = 0, refused = 0;
  for (size_t index = 0; index < cases.size(); ++index) {
    try {
      const int64_t launched = checks::check_launches(cases[index], op);
      launches += launched;
      checks::check_threads(cases[index], op, launched);
      if (threads_alone) continue;
      check_refusals(cases[index], op);
      // Later cases make the same calls.
      if (index > 4) continue;
      checks::check_driver_failures(cases[index], op);
      checks::check_api_failures(cases[index], op);
      refused += check_hostile(cases[index], op, index, 20);
    } catch (const std::exception& error) {
      throw std::runtime_error(std::string(name) + ", case " + std::to_string(index) + ": " +
                               error.what());
    }
  }
  std::printf("%s: %zu cases, %zu more for the CPU alone, %lld launches, %lld hostile nodes refused\n",
              name, cases.size(), all.size() - cases.size(), static_cast<long long>(launches),
              static_cast<long long>(refused));
}

// Two threads write a number, one after the other. Both call the driver in between; its lock would
// order them if ThreadSanitizer did not ignore it.
void commit_fault() {
  const auto& driver = jpegcompile::cuda_checks::driver();
  volatile int number = 0;
  std::atomic<bool> is_written{false};
  std::thread first([&] {
    number = 1;
    driver.alive();
    is_written.store(true, std::memory_order_relaxed);
  });
  while (!is_written.load(std::memory_order_relaxed)) std::this_thread::yield();
  driver.alive();
  number = 2;
  first.join();
}

void run(const std::vector<std::string>& arguments) {
  if (arguments == std::vector<std::string>{"--fault", "threads"}) return commit_fault();
  std::set<std::string> names(arguments.begin(), arguments.end());
  const bool is_quick = names.erase("--quick") > 0;
  const bool threads_alone = names.erase("--threads") > 0;
  const auto ops = on_cuda();
  if (ops.empty()) throw std::runtime_error(JpegcompileCudaStatus(""));
  if (names.empty()) {
    for (const CustomOp* op : ops) names.insert(op->get_name(op));
  }
  jpegcompile::Selection selection(is_quick, names);
  std::puts(JpegcompileCudaStatus(""));
  auto cases = make_cases(selection);
  for (const CustomOp* op : ops) {
    if (!selection.has(op->get_name(op))) continue;
    check_operator(*op, cases[op->get_name(op)], threads_alone);
  }
  // Comes last, because the other checks expect a single operator domain.
  check_entries(ops.size());
}

}  // namespace

int main(int argc, char** argv) {
  // Lines appear even if a sanitizer ends the process.
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  try {
    run({argv + 1, argv + argc});
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
