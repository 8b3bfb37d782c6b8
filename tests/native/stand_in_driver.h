// State of the stand-in for the driver: existing objects, and the log of calls.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace stand_in_cuda {

constexpr int kInvalidValue = 1, kNoDevice = 100, kInvalidDevice = 101, kInvalidImage = 200;
constexpr int kInvalidContext = 201, kNotFound = 500, kLaunchFailed = 719;

struct Context {
  int retained = 0;
};

struct Module {
  int number;
  std::string image;
};

struct Function {
  const Module* module;
  std::string entry;
  // Sizes of its parameters.
  std::vector<size_t> parameters;
  int shared_limit = 48 << 10;
};

struct Driver {
  std::mutex mutex;
  std::string log, shown;
  int64_t until_failure = 0;
  bool all_fail = false, is_failing = false;
  int64_t wrong = 0;
  int modules_made = 0;
  uintptr_t next_address = uintptr_t{1} << 44;
  Context primary;
  std::map<Module*, std::unique_ptr<Module>> modules;
  std::map<Function*, std::unique_ptr<Function>> functions;
  std::map<uintptr_t, size_t> memory;
  // Objects destroyed with a lost context.
  std::set<const void*> gone;
};

// Exists until the process ends.
Driver& driver();

// `current`: contexts pushed in this thread. `pushed`: contexts pushed in all threads.
inline thread_local std::vector<Context*> current;
inline std::mutex pushed_mutex;
inline int64_t pushed = 0;

// Adds a line to the log.
void note(const std::string& line);

// Logs a use that a driver would reject; returns `result`.
int complain(const std::string& what, int result);

// Format parts of lines.
std::string number(uint64_t value);
std::string address(const void* value);
std::string hex(const void* bytes, size_t count);

// Every function of the driver calls this first. `result` is not 0 if the call must fail. Functions
// that release something do so even then, like drivers that report an earlier error.
struct Entered {
  std::scoped_lock<std::mutex> lock{driver().mutex};
  int result = 0;

  explicit Entered(const char* name);
};

// A context that cannot be pushed is lost, with everything in it.
void lose_everything();

// The compute capability of the device.
int arch();

}  // namespace stand_in_cuda
