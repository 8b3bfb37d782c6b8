// Vectors of integers; libjpeg-turbo and Pillow compute in 16 and 32 bits.
#pragma once

#include <cstdint>
#include <type_traits>

#include "tiles/isa.h"

namespace jpegcompile::integer {

using Byte16 = uint8_t __attribute__((vector_size(16)));
using Byte32 = uint8_t __attribute__((vector_size(32)));
using Word8 = uint16_t __attribute__((vector_size(16)));
using Word16 = uint16_t __attribute__((vector_size(32)));
using Short8 = int16_t __attribute__((vector_size(16)));
using Short16 = int16_t __attribute__((vector_size(32)));
using Int8 = int32_t __attribute__((vector_size(32)));

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
JPEGCOMPILE_INLINE V clamp(const V& value, int least, int most) {
  using Lane = std::remove_cvref_t<decltype(value[0])>;
  const V low = V{} + static_cast<Lane>(least), high = V{} + static_cast<Lane>(most);
  const V raised = value < low ? low : value;
  return raised > high ? high : raised;
}

// Conversions are written as the shuffles that instruction sets have: compilers make single lanes
// of others.

JPEGCOMPILE_INLINE Word8 words_of(const Byte16& bytes) {  // of the first half
  const Byte16 zero = {};
  return load_as<Word8>(&static_cast<const Byte16&>(__builtin_shufflevector(
      bytes, zero, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)));
}

JPEGCOMPILE_INLINE Word8 load_words(const uint8_t* from) {
  Byte16 bytes = {};
  __builtin_memcpy(&bytes, from, 8);
  return words_of(bytes);
}

JPEGCOMPILE_INLINE Int8 load_ints(const uint8_t* from) {
  return __builtin_convertvector(load_words(from), Int8);
}

// Lanes of 0 to 255 become bytes.

JPEGCOMPILE_INLINE void store_bytes(uint8_t* to, const Word8& values) {
  const auto bytes = load_as<Byte16>(&values);
  const Byte16 packed = __builtin_shufflevector(bytes, bytes, 0, 2, 4, 6, 8, 10, 12, 14, 0, 2, 4, 6,
                                                8, 10, 12, 14);
  __builtin_memcpy(to, &packed, 8);
}

JPEGCOMPILE_INLINE Byte32 bytes_of(const Word16& a, const Word16& b) {
  return __builtin_shufflevector(load_as<Byte32>(&a), load_as<Byte32>(&b), 0, 2, 4, 6, 8, 10, 12,
                                 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34, 36, 38, 40, 42, 44, 46,
                                 48, 50, 52, 54, 56, 58, 60, 62);
}

JPEGCOMPILE_INLINE Word16 words_of(const Int8& a, const Int8& b) {
  return __builtin_shufflevector(load_as<Word16>(&a), load_as<Word16>(&b), 0, 2, 4, 6, 8, 10, 12, 14,
                                 16, 18, 20, 22, 24, 26, 28, 30);
}

JPEGCOMPILE_INLINE Byte32 bytes_of(const Int8& a, const Int8& b, const Int8& c, const Int8& d) {
  return bytes_of(words_of(a, b), words_of(c, d));
}

}  // namespace jpegcompile::integer
