// Vectors of integers. libjpeg-turbo and Pillow compute in 16 and 32 bits.
#pragma once

#include <cstdint>
#include <type_traits>

#include "tiles/isa.h"

namespace jpegcompile::integer {

// Names state the type of a lane and the number of lanes.
using Byte16 = uint8_t __attribute__((vector_size(16)));
using Byte32 = uint8_t __attribute__((vector_size(32)));
using Word8 = uint16_t __attribute__((vector_size(16)));
using Word16 = uint16_t __attribute__((vector_size(32)));
using Short8 = int16_t __attribute__((vector_size(16)));
using Short16 = int16_t __attribute__((vector_size(32)));
using Int4 = int32_t __attribute__((vector_size(16)));
using Int8 = int32_t __attribute__((vector_size(32)));
using Int16 = int32_t __attribute__((vector_size(64)));

// Samples and pixels are stored in strips of 8 rows, column by column: [columns][8 rows]. This is
// the layout of the inverse DCT's result, and operations along rows use whole vectors.
inline constexpr int64_t kStripRows = 8;

// Rows and columns are processed 8 at a time, so memory is padded to a multiple of 8.
constexpr int64_t padded(int64_t count) { return (count + 7) / 8 * 8; }

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
JPEGCOMPILE_INLINE V clamp(const V& value, int least, int most) {
  using Lane = std::remove_cvref_t<decltype(value[0])>;
  const V low = V{} + static_cast<Lane>(least), high = V{} + static_cast<Lane>(most);
  const V raised = value < low ? low : value;
  return raised > high ? high : raised;
}

// Conversions use shuffles that instruction sets provide. Compilers convert other shuffles lane by
// lane.

JPEGCOMPILE_INLINE Word8 words_of(const Byte16& bytes) {  // of the first half
  const Byte16 widened = __builtin_shufflevector(bytes, Byte16{}, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20,
                                                 5, 21, 6, 22, 7, 23);
  return load_as<Word8>(&widened);
}

// Loads 8 bytes, followed by zeros.
JPEGCOMPILE_INLINE Byte16 load_half(const uint8_t* from) {
  using Long2 = int64_t __attribute__((vector_size(16)));
  const Long2 halves = {load_as<int64_t>(from), 0};
  return load_as<Byte16>(&halves);
}

JPEGCOMPILE_INLINE Word8 load_words(const uint8_t* from) { return words_of(load_half(from)); }

// Convert lanes with values from 0 to 255 to bytes.

JPEGCOMPILE_INLINE void store_bytes(uint8_t* to, const Word8& values) {
  const auto bytes = load_as<Byte16>(&values);
  const Byte16 packed = __builtin_shufflevector(bytes, bytes, 0, 2, 4, 6, 8, 10, 12, 14, 0, 2, 4, 6,
                                                8, 10, 12, 14);
  __builtin_memcpy(to, &packed, 8);
}

JPEGCOMPILE_INLINE Byte16 bytes_of(const Word8& a, const Word8& b) {
  return __builtin_shufflevector(load_as<Byte16>(&a), load_as<Byte16>(&b), 0, 2, 4, 6, 8, 10, 12,
                                 14, 16, 18, 20, 22, 24, 26, 28, 30);
}

JPEGCOMPILE_INLINE Byte32 bytes_of(const Word16& a, const Word16& b) {
  return __builtin_shufflevector(load_as<Byte32>(&a), load_as<Byte32>(&b), 0, 2, 4, 6, 8, 10, 12,
                                 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34, 36, 38, 40, 42, 44, 46,
                                 48, 50, 52, 54, 56, 58, 60, 62);
}

// Convert bytes to a register of 16-bit lanes, and two such registers to bytes.

template <typename V>
JPEGCOMPILE_INLINE V load_lanes(const uint8_t* from) {
  if constexpr (sizeof(V) == sizeof(Word16)) {
    return __builtin_convertvector(load_as<Byte16>(from), V);
  } else {
    const Word8 words = load_words(from);
    return load_as<V>(&words);
  }
}

template <typename V>
JPEGCOMPILE_INLINE void store_lanes(uint8_t* to, const V& a, const V& b) {
  using Words = std::conditional_t<sizeof(V) == sizeof(Word16), Word16, Word8>;
  store_to(to, bytes_of(load_as<Words>(&a), load_as<Words>(&b)));
}

}  // namespace jpegcompile::integer
