#include "preprocess/steps.h"
#include "tiles/isa.h"

namespace jpegcompile {
namespace {

template <typename Isa>
JPEGCOMPILE_INLINE void half(const HalfStep& step) {
  for (int64_t index = 0; index < step.count; ++index) {
    const auto value = static_cast<_Float16>(step.from[index]);
    __builtin_memcpy(step.to + index, &value, sizeof value);
  }
}

}  // namespace

JPEGCOMPILE_MULTIVERSION(half_step, half, HalfStep)

}  // namespace jpegcompile
