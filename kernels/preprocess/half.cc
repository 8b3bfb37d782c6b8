#include <bit>

#include "preprocess/steps.h"
#include "tiles/isa.h"

namespace jpegcompile {
namespace {

constexpr uint32_t kSign = 0x80000000U;
constexpr uint32_t kInfinity = 255U << 23;           // as a float
constexpr uint32_t kTooLarge = (127U + 16U) << 23;   // the smallest float beyond the half range
constexpr uint32_t kLeastNormal = (127U - 14U) << 23;  // the smallest normal half, as a float
// A float whose last bit has the weight of the last bit of subnormal halves.
constexpr uint32_t kSubnormalUnit = (127U - 14U + 13U) << 23;

// Rounds to nearest, ties to even (IEEE 754). Written without branches, so that compilers vectorize
// it, and without a half type, since not every compiler has one.
JPEGCOMPILE_INLINE uint16_t half_of(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t magnitude = bits & ~kSign;
  const float shifted = std::bit_cast<float>(magnitude) + std::bit_cast<float>(kSubnormalUnit);
  const uint32_t subnormal = std::bit_cast<uint32_t>(shifted) - kSubnormalUnit;
  const uint32_t is_odd = (magnitude >> 13) & 1U;
  const uint32_t normal = (magnitude - ((127U - 15U) << 23) + 0xFFFU + is_odd) >> 13;
  const uint32_t beyond = magnitude > kInfinity ? 0x7E00U : 0x7C00U;
  const uint32_t finite = magnitude < kLeastNormal ? subnormal : normal;
  const uint32_t result = magnitude >= kTooLarge ? beyond : finite;
  return static_cast<uint16_t>(result | (bits & kSign) >> 16);
}

template <typename Isa>
JPEGCOMPILE_INLINE void half(const HalfStep& step) {
  const float* const from = step.from;
  uint16_t* const to = step.to;
  for (int64_t index = 0; index < step.count; ++index) to[index] = half_of(from[index]);
}

}  // namespace

JPEGCOMPILE_MULTIVERSION(half_step, half, HalfStep)

}  // namespace jpegcompile
