// Allocations of kernels during calls, as the sanitizers see them, in any function of the library
// or called by it.
#include <stdexcept>
#include <string>

#include "check.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
// Part of the sanitizers' common interface; GCC installs no header that declares it. Returns the
// number of installed pairs of hooks, or 0 if there is no slot.
extern "C" int __sanitizer_install_malloc_and_free_hooks(
    void (*on_malloc)(const volatile void* memory, size_t bytes),
    void (*on_free)(const volatile void* memory));
#endif

namespace jpegcompile {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

thread_local int64_t allocations = 0;

void count(const volatile void*, size_t) { allocations += stand_in::is_in_library() ? 1 : 0; }

// Allocations of this thread in the library, counted from the first call on.
int64_t counted() {
  static const int hooks =
      __sanitizer_install_malloc_and_free_hooks(count, [](const volatile void*) {});
  if (hooks == 0) throw std::logic_error("the sanitizer counts no allocations");
  return allocations;
}

void check(const Case& one, const ort::CustomOp& op) {
  stand_in::Pool pool(1);
  const int64_t before = counted();
  const stand_in::Kernel kernel(op, node_of(one));
  if (counted() == before) throw std::logic_error("allocations are not counted");
  const auto inputs = inputs_of(one);
  static_cast<void>(kernel.run(inputs, pool));
  const int64_t warm = counted();
  static_cast<void>(kernel.run(inputs, pool));
  if (counted() > warm && !one.may_allocate) {
    throw std::runtime_error("a second call allocates " + std::to_string(counted() - warm) +
                             " times");
  }
}

#else

// Allocations cannot be counted in this build.
void check(const Case&, const ort::CustomOp&) {}

#endif

}  // namespace

void check_allocations(const Case& one, const ort::CustomOp& op) { check(one, op); }

}  // namespace jpegcompile
