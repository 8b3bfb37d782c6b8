// Vectors of integers; libjpeg-turbo and Pillow compute in 16 and 32 bits.
#pragma once

#include <cstdint>

#include "tiles/isa.h"

namespace jpegcompile::integer {

using Byte8 = uint8_t __attribute__((vector_size(8)));
using Byte16 = uint8_t __attribute__((vector_size(16)));
using Word8 = uint16_t __attribute__((vector_size(16)));
using Short8 = int16_t __attribute__((vector_size(16)));
using Short16 = int16_t __attribute__((vector_size(32)));
using Int8 = int32_t __attribute__((vector_size(32)));
using Int16 = int32_t __attribute__((vector_size(64)));

// Samples and pixels stand in strips of 8 rows, column by column: [columns][8 rows]. This is how
// the inverse DCT leaves them, and along a row every step is then one of whole vectors.
inline constexpr int64_t kStripRows = 8;

template <typename V>
JPEGCOMPILE_INLINE V load_as(const void* from) {
  V value;
  __builtin_memcpy(&value, from, sizeof(V));
  return value;
}

template <typename V>
JPEGCOMPILE_INLINE void store_to(void* to, const V& value) {
  __builtin_memcpy(to, &value, sizeof(V));
}

template <typename V>
JPEGCOMPILE_INLINE V clamp(const V& value, int32_t least, int32_t most) {
  const V low = V{} + least, high = V{} + most;
  const V raised = value < low ? low : value;
  return raised > high ? high : raised;
}

}  // namespace jpegcompile::integer
