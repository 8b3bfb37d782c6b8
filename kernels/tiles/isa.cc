#include "tiles/isa.h"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

namespace jpegcompile {
namespace {

Isa best_isa() {
#if defined(__x86_64__) && defined(__SANITIZE_THREAD__)
  return Isa::kAvx2;  // the only one, see isa.h
#elif defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4")) return Isa::kAvx512;
  if (__builtin_cpu_supports("x86-64-v3")) return Isa::kAvx2;
#endif
  return Isa::kPlain;
}

std::string_view asked_name() {
  const char* name = std::getenv("JPEGCOMPILE_ISA");
  return name == nullptr ? "" : name;
}

Isa asked_isa() {
  const std::string_view asked = asked_name();
  if (asked == "plain") return Isa::kPlain;
  if (asked == "avx2") return Isa::kAvx2;
  return Isa::kAvx512;
}

}  // namespace

void check_asked_isa() {
  const std::string_view asked = asked_name();
  const auto known = {"", "plain", "avx2", "avx512"};
  if (std::ranges::find(known, asked) != known.end()) return;
  throw std::invalid_argument("JPEGCOMPILE_ISA is '" + std::string(asked) +
                              "'; give plain, avx2 or avx512, or leave it out");
}

Isa machine_isa() {
  const Isa best = best_isa();
  const Isa asked = asked_isa();
  return asked < best ? asked : best;
}

}  // namespace jpegcompile
