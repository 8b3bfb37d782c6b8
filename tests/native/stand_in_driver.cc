#include "stand_in_driver.h"

#include <cstdio>
#include <cstdlib>

namespace stand_in_cuda {

Driver& driver() {
  static Driver& made = *std::make_unique<Driver>().release();
  return made;
}

void note(const std::string& line) { driver().log += line + "\n"; }

std::string number(uint64_t value) { return std::to_string(value); }

std::string address(const void* value) {
  char text[32];
  std::snprintf(text, sizeof(text), "0x%llx", static_cast<unsigned long long>(
                                                  reinterpret_cast<uintptr_t>(value)));
  return text;
}

std::string hex(const void* bytes, size_t count) {
  static const char* const kDigits = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < count; ++i) {
    const auto byte = static_cast<const unsigned char*>(bytes)[i];
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

int complain(const std::string& what, int result) {
  ++driver().wrong;
  note("wrong: " + what);
  return result;
}

Entered::Entered(const char* name) {
  Driver& all = driver();
  if (all.is_failing || (all.until_failure > 0 && --all.until_failure == 0)) {
    all.is_failing = all.all_fail;
    result = kLaunchFailed;
    note(std::string("failed ") + name);
  }
}

void lose_everything() {
  Driver& all = driver();
  for (const auto& [module, held] : all.modules) all.gone.insert(module);
  for (const auto& [memory, bytes] : all.memory) {
    all.gone.insert(reinterpret_cast<const void*>(memory));
  }
  all.modules.clear();
  all.functions.clear();
  all.memory.clear();
}

int arch() {
  const char* asked = std::getenv("JPEGCOMPILE_STAND_IN_ARCH");
  return asked == nullptr ? 90 : std::atoi(asked);
}

}  // namespace stand_in_cuda
