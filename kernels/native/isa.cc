#include "isa.h"

#include <cstdlib>
#include <string_view>

namespace jpegcompile {
namespace {

Isa best_isa() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4")) return Isa::kAvx512;
  if (__builtin_cpu_supports("x86-64-v3")) return Isa::kAvx2;
#endif
  return Isa::kPlain;
}

Isa asked_isa() {
  const char* name = std::getenv("JPEGCOMPILE_ISA");
  const std::string_view asked = name == nullptr ? "" : name;
  if (asked == "plain") return Isa::kPlain;
  if (asked == "avx2") return Isa::kAvx2;
  return Isa::kAvx512;
}

}  // namespace

Isa machine_isa() {
  const Isa best = best_isa();
  const Isa asked = asked_isa();
  return asked < best ? asked : best;
}

}  // namespace jpegcompile
