// 32-bit integers of 8 rows: one register, or two registers of 128 bits on instruction sets without
// wider ones.
#pragma once

#include <type_traits>

#include "preprocess/integer/vectors.h"

namespace jpegcompile::integer {

struct IntPair {
  Int4 low, high;

  JPEGCOMPILE_INLINE friend IntPair operator+(const IntPair& a, const IntPair& b) {
    return {a.low + b.low, a.high + b.high};
  }
  JPEGCOMPILE_INLINE friend IntPair operator-(const IntPair& a, const IntPair& b) {
    return {a.low - b.low, a.high - b.high};
  }
  JPEGCOMPILE_INLINE friend IntPair operator+(const IntPair& a, int32_t b) {
    return {a.low + b, a.high + b};
  }
  JPEGCOMPILE_INLINE friend IntPair operator*(const IntPair& a, int32_t b) {
    return {a.low * b, a.high * b};
  }
  JPEGCOMPILE_INLINE friend IntPair operator<<(const IntPair& a, int bits) {
    return {a.low << bits, a.high << bits};
  }
  JPEGCOMPILE_INLINE friend IntPair operator>>(const IntPair& a, int bits) {
    return {a.low >> bits, a.high >> bits};
  }
};

template <typename Isa>
using Ints = std::conditional_t<sizeof(typename Isa::Vector) < sizeof(Int8), IntPair, Int8>;

JPEGCOMPILE_INLINE IntPair clamp(const IntPair& value, int least, int most) {
  return {clamp(value.low, least, most), clamp(value.high, least, most)};
}

// Converts signed 16-bit lanes.
template <typename V>
JPEGCOMPILE_INLINE V ints_of(const Short8& values) {
  if constexpr (std::is_same_v<V, Int8>) {
    return __builtin_convertvector(values, Int8);
  } else {
    const Short8 low = __builtin_shufflevector(values, values, 0, 0, 1, 1, 2, 2, 3, 3);
    const Short8 high = __builtin_shufflevector(values, values, 4, 4, 5, 5, 6, 6, 7, 7);
    return {load_as<Int4>(&low) >> 16, load_as<Int4>(&high) >> 16};
  }
}

template <typename V>
JPEGCOMPILE_INLINE V load_ints(const uint8_t* bytes) {
  if constexpr (std::is_same_v<V, Int8>) {
    using Long4 = int64_t __attribute__((vector_size(32)));
    using Unsigned8 = uint32_t __attribute__((vector_size(32)));
    const Long4 copies = Long4{} + load_as<int64_t>(bytes);
    const auto four = load_as<Byte32>(&copies);
    // Each half contains its own four bytes, four times each, so that no byte crosses halves.
    const Byte32 repeated = __builtin_shufflevector(
        four, four, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 20, 20, 20, 20, 21, 21, 21, 21,
        22, 22, 22, 22, 23, 23, 23, 23);
    const Unsigned8 ints = load_as<Unsigned8>(&repeated) >> 24;
    return load_as<Int8>(&ints);
  } else {
    const Word8 words = load_words(bytes);
    return ints_of<V>(load_as<Short8>(&words));
  }
}

// Interleaves the first or the last lanes: a[0] b[0] a[1] b[1] ...
JPEGCOMPILE_INLINE Int8 low_lanes(const Int8& a, const Int8& b) {
  return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}
JPEGCOMPILE_INLINE Int8 high_lanes(const Int8& a, const Int8& b) {
  return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}
// For 16 lanes, within each half.
JPEGCOMPILE_INLINE Int16 low_lanes(const Int16& a, const Int16& b) {
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 8, 24, 9, 25, 10, 26, 11, 27);
}
JPEGCOMPILE_INLINE Int16 high_lanes(const Int16& a, const Int16& b) {
  return __builtin_shufflevector(a, b, 4, 20, 5, 21, 6, 22, 7, 23, 12, 28, 13, 29, 14, 30, 15, 31);
}
JPEGCOMPILE_INLINE IntPair low_lanes(const IntPair& a, const IntPair& b) {
  return {__builtin_shufflevector(a.low, b.low, 0, 4, 1, 5),
          __builtin_shufflevector(a.low, b.low, 2, 6, 3, 7)};
}
JPEGCOMPILE_INLINE IntPair high_lanes(const IntPair& a, const IntPair& b) {
  return {__builtin_shufflevector(a.high, b.high, 0, 4, 1, 5),
          __builtin_shufflevector(a.high, b.high, 2, 6, 3, 7)};
}

// Converts lanes with values from 0 to 255 to bytes; `store_four` stores 8 bytes of each argument.

JPEGCOMPILE_INLINE Word16 words_of(const Int8& a, const Int8& b) {
  return __builtin_shufflevector(load_as<Word16>(&a), load_as<Word16>(&b), 0, 2, 4, 6, 8, 10, 12,
                                 14, 16, 18, 20, 22, 24, 26, 28, 30);
}

JPEGCOMPILE_INLINE Word8 words_of(const IntPair& a) {
  return __builtin_shufflevector(load_as<Word8>(&a.low), load_as<Word8>(&a.high), 0, 2, 4, 6, 8, 10,
                                 12, 14);
}

JPEGCOMPILE_INLINE void store_four(uint8_t* to, const Int8& a, const Int8& b, const Int8& c,
                                   const Int8& d) {
  store_to(to, bytes_of(words_of(a, b), words_of(c, d)));
}

JPEGCOMPILE_INLINE void store_four(uint8_t* to, const IntPair& a, const IntPair& b,
                                   const IntPair& c, const IntPair& d) {
  store_to(to, bytes_of(words_of(a), words_of(b)));
  store_to(to + 16, bytes_of(words_of(c), words_of(d)));
}

template <typename V>
JPEGCOMPILE_INLINE void store_one(uint8_t* to, const V& values) {
  uint8_t bytes[32];
  store_four(bytes, values, values, values, values);
  __builtin_memcpy(to, bytes, 8);
}

}  // namespace jpegcompile::integer
