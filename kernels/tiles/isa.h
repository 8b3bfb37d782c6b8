// One source for every instruction set. Kernels are templates over the vectors of an instruction
// set. They are instantiated for each set, and one is chosen when the library is loaded.
#pragma once

#include "generated/names.h"

namespace jpegcompile {

// Number of channels that are consecutive in memory, and so the width of all arithmetic on maps.
inline constexpr int kLanes = static_cast<int>(kChannelGroup);

using Float4 = float __attribute__((vector_size(16)));
using Float8 = float __attribute__((vector_size(32)));
using Float16 = float __attribute__((vector_size(64)));

// The register tile of an instruction set is kRows pixels by kGroups groups of channels.
struct Plain {
  using Vector = Float4;
  static constexpr int kRows = 2;
  static constexpr int kGroups = 1;
};
struct Neon {
  using Vector = Float4;
  static constexpr int kRows = 6;
  static constexpr int kGroups = 1;
};
struct Avx2 {
  using Vector = Float8;
  static constexpr int kRows = 6;
  static constexpr int kGroups = 1;
};
struct Avx512 {
  using Vector = Float16;
  static constexpr int kRows = 14;
  static constexpr int kGroups = 2;
};

template <typename Vector>
inline constexpr int kWidth = sizeof(Vector) / sizeof(float);

#define JPEGCOMPILE_INLINE [[gnu::always_inline]] inline

template <typename V>
JPEGCOMPILE_INLINE V load(const float* from) {
  V value;
  __builtin_memcpy(&value, from, sizeof(V));
  return value;
}

template <typename V>
JPEGCOMPILE_INLINE void store(float* to, const V& value) {
  __builtin_memcpy(to, &value, sizeof(V));
}

enum class Isa { kPlain, kAvx2, kAvx512 };

// Returns the best instruction set of this machine, or the one that JPEGCOMPILE_ISA names (plain,
// avx2, avx512) if that is lower.
Isa machine_isa();

// Throws std::invalid_argument if JPEGCOMPILE_ISA has another value.
void check_asked_isa();

template <typename Arguments>
using IsaFunction = void (*)(const Arguments&);

template <typename Arguments>
IsaFunction<Arguments> choose(IsaFunction<Arguments> plain, IsaFunction<Arguments> avx2,
                              IsaFunction<Arguments> avx512) {
  switch (machine_isa()) {
    case Isa::kAvx512:
      return avx512;
    case Isa::kAvx2:
      return avx2;
    case Isa::kPlain:
      break;
  }
  return plain;
}

// Defines `void name(const Arguments&)` from `template <typename Isa> void body(const Arguments&)`.
// The body and every function that it passes vectors to must be JPEGCOMPILE_INLINE.
#if defined(__x86_64__) && defined(__SANITIZE_THREAD__)
// Races do not depend on the instruction set, and each set takes minutes to compile.
#define JPEGCOMPILE_MULTIVERSION(name, body, Arguments)                     \
  [[gnu::target("arch=x86-64-v3")]] void name(const Arguments& arguments) { \
    body<Avx2>(arguments);                                                  \
  }
#elif defined(__x86_64__)
#define JPEGCOMPILE_MULTIVERSION(name, body, Arguments)                               \
  static void name##_plain(const Arguments& arguments) { body<Plain>(arguments); }     \
  [[gnu::target("arch=x86-64-v3")]] static void name##_avx2(const Arguments& arguments) { \
    body<Avx2>(arguments);                                                            \
  }                                                                                   \
  [[gnu::target("arch=x86-64-v4")]] static void name##_avx512(const Arguments& arguments) { \
    body<Avx512>(arguments);                                                          \
  }                                                                                   \
  void name(const Arguments& arguments) {                                             \
    static const IsaFunction<Arguments> chosen =                                      \
        choose<Arguments>(name##_plain, name##_avx2, name##_avx512);                  \
    chosen(arguments);                                                                \
  }
#elif defined(__aarch64__)
#define JPEGCOMPILE_MULTIVERSION(name, body, Arguments) \
  void name(const Arguments& arguments) { body<Neon>(arguments); }
#else
#define JPEGCOMPILE_MULTIVERSION(name, body, Arguments) \
  void name(const Arguments& arguments) { body<Plain>(arguments); }
#endif

}  // namespace jpegcompile
