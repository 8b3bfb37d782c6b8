#include "cuda_checks.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "stand_in_cuda.h"

namespace jpegcompile::cuda_checks {
namespace {

using stand_in::Kernel;

void require(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error(what);
}

template <typename Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  require(function != nullptr, "JPEGCOMPILE_LIBCUDA is no stand-in: it has no " + std::string(name));
}

std::vector<std::string> words(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> all;
  for (std::string word; stream >> word;) all.push_back(word);
  return all;
}

std::vector<std::string> log_lines() {
  std::istringstream stream(driver().log());
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// Little-endian.
uint64_t number(const std::string& hex) {
  uint64_t value = 0;
  for (size_t at = hex.size(); at >= 2; at -= 2) {
    value = value << 8 | std::stoull(hex.substr(at - 2, 2), nullptr, 16);
  }
  return value;
}

struct Range {
  uint64_t address, bytes;
};

void check_launch(const std::vector<std::string>& line, const std::vector<Range>& memory,
                  uintptr_t stream) {
  const auto at = std::ranges::find(line, "stream");
  require(std::stoull(*(at + 1), nullptr, 16) == stream, "launched on another stream");
  std::vector<uint64_t> pointers;
  for (auto word = at + 3; word != line.end(); ++word) {
    if (word->size() == 16) pointers.push_back(number(*word));
  }
  require(pointers.size() > 2, "a kernel has no pointers");
  // The last two are for Triton's scratch memory.
  require(pointers.end()[-1] == 0 && pointers.end()[-2] == 0, "scratch memory is not null");
  pointers.resize(pointers.size() - 2);
  for (const uint64_t pointer : pointers) {
    const bool is_known = std::ranges::any_of(memory, [&](const Range& one) {
      return pointer >= one.address && pointer < one.address + one.bytes;
    });
    require(is_known, line[1] + " is given memory that there is not");
  }
}

int64_t launches_of(const std::vector<std::string>& lines) {
  return std::ranges::count_if(lines,
                               [](const std::string& line) { return line.starts_with("launch "); });
}

void require_nothing_left(const std::string& when) {
  require(driver().alive() == 0,
          std::to_string(driver().alive()) + " things of the driver are left " + when);
  // The operator domain stays.
  require(stand_in::objects_alive() == 1,
          std::to_string(stand_in::objects_alive() - 1) + " objects are left " + when);
  require(driver().wrong() == 0, "the driver complains " + when + ": " + driver().log());
}

// The library's message for a case; empty if it accepts it.
std::string refusal(const Case& one, const ort::CustomOp& op) {
  stand_in::Pool pool(1);
  try {
    const Kernel kernel(op, node_of(one));
    static_cast<void>(kernel.run(inputs_of(one), pool));
    return "";
  } catch (const stand_in::Refused& refused) {
    return refused.what();
  }
}

// Whether the failed call releases something or belongs to a release; such failures are not
// reported.
bool gives_back(const std::string& line) {
  return line == "failed cuModuleUnload" || line == "failed cuMemFree" ||
         line == "failed cuDevicePrimaryCtxRelease" || line == "failed cuCtxPushCurrent";
}

// Returns whether there was an n-th call that failed.
bool check_driver_failure(const Case& one, const ort::CustomOp& op, int64_t n, bool all) {
  driver().forget();
  driver().fail(n, all ? 1 : 0);
  const std::string message = refusal(one, op);
  const bool has_failed = driver().fail(0, 0) == 0;
  const std::string when = "when call " + std::to_string(n) + " of the driver fails";
  require_nothing_left(when);
  if (!has_failed) {
    require(message.empty(), "refused for no reason: " + message);
    return false;
  }
  const auto lines = log_lines();
  const auto failed = std::ranges::find_if(
      lines, [](const std::string& line) { return line.starts_with("failed "); });
  if (message.empty()) {
    require(gives_back(*failed), "nothing is said " + when + ": " + *failed);
    return true;
  }
  const std::string start = one.op + " 'a node': the CUDA driver rejected " + failed->substr(7);
  require(message.starts_with(start) &&
              message.find("CUDA_ERROR_LAUNCH_FAILED (words of the stand-in)") != std::string::npos,
          "it says '" + message + "' " + when);
  return true;
}

int64_t check_launches_on(const Case& one, const ort::CustomOp& op, uintptr_t stream) {
  driver().forget();
  std::vector<Range> memory;
  {
    stand_in::Pool pool(1);
    stand_in::use_stream(stream);
    const Kernel kernel(op, node_of(one));
    const auto outputs = kernel.run(inputs_of(one), pool);
    stand_in::use_stream(stand_in::kStream);
    const Map& expected = one.expected;
    const std::vector<int64_t> shape = {expected.batch, expected.channels, expected.height,
                                        expected.width};
    require(outputs.at(0).shape == shape, "the result has another shape");
    for (const auto& [name, address, bytes] : stand_in::device_memory()) {
      memory.push_back({address, bytes});
    }
  }
  require_nothing_left("behind a call");
  const auto lines = log_lines();
  for (const std::string& line : lines) {
    const auto parts = words(line);
    if (parts[0] == "allocate") {
      memory.push_back({std::stoull(parts[1], nullptr, 16), std::stoull(parts[2])});
    }
  }
  for (const std::string& line : lines) {
    if (line.starts_with("launch ")) check_launch(words(line), memory, stream);
  }
  const int64_t launches = launches_of(lines);
  require((launches > 0) == (one.inputs[0].elements > 0), "nothing is launched");
  return launches;
}

}  // namespace

Driver::Driver() {
  const char* path = std::getenv("JPEGCOMPILE_LIBCUDA");
  require(path != nullptr, "JPEGCOMPILE_LIBCUDA does not name the stand-in");
  void* library = dlopen(path, RTLD_NOW);
  require(library != nullptr, "JPEGCOMPILE_LIBCUDA cannot be opened");
  find(library, "stand_in_cuda_log", log);
  find(library, "stand_in_cuda_forget", forget);
  find(library, "stand_in_cuda_fail", fail);
  find(library, "stand_in_cuda_alive", alive);
  find(library, "stand_in_cuda_wrong", wrong);
}

const Driver& driver() {
  static const Driver found;
  return found;
}

bool is_declined(const Case& one, const ort::CustomOp& op) {
  return refusal(one, op).ends_with("which GPU kernels do not support; run the model on the CPU");
}

int64_t check_launches(const Case& one, const ort::CustomOp& op) {
  const int64_t launches = check_launches_on(one, op, stand_in::kStream);
  require(check_launches_on(one, op, 0) == launches, "the default stream gets other launches");
  return launches;
}

void check_threads(const Case& one, const ort::CustomOp& op, int64_t launches) {
  constexpr int kThreads = 4, kTurns = 3;
  driver().forget();
  std::vector<std::string> failures(kThreads);
  {
    const Kernel common(op, node_of(one));
    std::vector<std::thread> threads;
    for (std::string& failure : failures) {
      threads.emplace_back([&] {
        try {
          stand_in::Pool pool(1);
          for (int turn = 0; turn < kTurns; ++turn) {
            const Kernel own(op, node_of(one));
            static_cast<void>(own.run(inputs_of(one), pool));
            static_cast<void>(common.run(inputs_of(one), pool));
          }
        } catch (const std::exception& error) {
          failure = error.what();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  for (const std::string& failure : failures) require(failure.empty(), failure);
  require_nothing_left("behind threads");
  require(launches_of(log_lines()) == launches * kThreads * kTurns * 2,
          "threads launch another number of kernels");
}

void check_driver_failures(const Case& one, const ort::CustomOp& op) {
  for (const bool all : {false, true}) {
    int64_t call = 1;
    while (check_driver_failure(one, op, call, all)) ++call;
    require(call > 3 || one.inputs[0].elements == 0, "the driver is hardly called");
  }
}

void check_api_failures(const Case& one, const ort::CustomOp& op) {
  for (int64_t n = 1;; ++n) {
    stand_in::fail_call(n);
    const std::string message = refusal(one, op);
    const bool has_failed = stand_in::fail_call(0) == 0;
    require_nothing_left("when call " + std::to_string(n) + " of the interface fails");
    if (!has_failed) break;
    // Nodes may lack some attributes.
    require(message.empty() || message.starts_with(one.op), "it says '" + message + "'");
  }
}

}  // namespace jpegcompile::cuda_checks
