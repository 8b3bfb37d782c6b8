#include "component.h"

#include <algorithm>

#include "../native/isa.h"

namespace jpegcompile {
namespace {

using Short8 = int16_t __attribute__((vector_size(16)));
using Word8 = uint16_t __attribute__((vector_size(16)));

template <typename Vector>
JPEGCOMPILE_INLINE Float8 load_integers(const void* from) {
  Vector values;
  __builtin_memcpy(&values, from, sizeof(values));
  return __builtin_convertvector(values, Float8);
}

template <typename Isa>
JPEGCOMPILE_INLINE void dequantise_body(const BlockRow& row) {
  for (int u = 0; u < 8; ++u) {
    const Float8 steps = load_integers<Word8>(row.table + 8 * u);
    float* to = row.to + u * 8 * row.blocks;
    for (int64_t block = 0; block < row.blocks; ++block) {
      store(to + 8 * block, load_integers<Short8>(row.quantised + 64 * block + 8 * u) * steps);
    }
  }
}

// A chunk of some rows: independent sums, each of which waits for its last product.
template <int kRows>
JPEGCOMPILE_INLINE void sum_chunk(const ChunkRows& rows, const ColumnChunks::Chunk& chunk,
                                  int64_t row, float* to) {
  const float* factors = rows.columns.factors.data() + chunk.factors;
  const float* from = rows.from + row * rows.from_pitch + chunk.first;
  Float8 sums[kRows] = {};
  for (int64_t input = 0; input < chunk.count; ++input) {
    const Float8 of_input = load<Float8>(factors + 8 * input);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) sums[i] += of_input * from[i * rows.from_pitch + input];
  }
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) store(to + i * rows.to_pitch, sums[i]);
}

template <typename Isa>
JPEGCOMPILE_INLINE void columns_body(const ChunkRows& rows) {
  for (size_t index = 0; index < rows.columns.chunks.size(); ++index) {
    const ColumnChunks::Chunk& chunk = rows.columns.chunks[index];
    const float* from = rows.from + chunk.first;
    float* to = rows.to + static_cast<int64_t>(index) * 8;
    int64_t row = 0;
    if (chunk.is_copy) {
      for (; row < rows.rows; ++row) {
        store(to + row * rows.to_pitch, load<Float8>(from + row * rows.from_pitch));
      }
    }
    for (; row + 8 <= rows.rows; row += 8) sum_chunk<8>(rows, chunk, row, to + row * rows.to_pitch);
    for (; row < rows.rows; ++row) sum_chunk<1>(rows, chunk, row, to + row * rows.to_pitch);
  }
}

JPEGCOMPILE_INLINE Float8 mixed_at(const MixedRow& row, int64_t position) {
  Float8 sum{};
  for (int64_t index = 0; index < row.count; ++index) {
    const float* from = row.components + index * row.component_step;
    sum += load<Float8>(from + position) * row.factors[index];
  }
  return sum;
}

template <typename Isa>
JPEGCOMPILE_INLINE void mix_body(const MixedRow& row) {
  int64_t position = 0;
  for (; position + 8 <= row.width; position += 8) {
    store(row.to + position, mixed_at(row, position));
  }
  if (position == row.width) return;
  const Float8 rest = mixed_at(row, position);
  for (int lane = 0; position + lane < row.width; ++lane) row.to[position + lane] = rest[lane];
}

}  // namespace

ColumnChunks ColumnChunks::of(const AxisMatrix& matrix) {
  ColumnChunks made;
  for (int64_t output = 0; output < matrix.outputs; output += kWidth) {
    const int64_t end = std::min(output + kWidth, matrix.outputs);
    const auto [first, last] = matrix.range(output, end);
    const size_t begin = made.factors.size();
    const bool is_copy = end - output == kWidth && matrix.is_identity(output, end);
    made.chunks.push_back({first, last - first, begin, is_copy});
    made.factors.resize(begin + static_cast<size_t>((last - first) * kWidth));
    for (int64_t column = output; column < end; ++column) {
      for (int64_t index = matrix.starts[column]; index < matrix.starts[column + 1]; ++index) {
        const auto& [input, factor] = matrix.entries[index];
        made.factors[begin + static_cast<size_t>((input - first) * kWidth + column - output)] =
            factor;
      }
    }
  }
  return made;
}

JPEGCOMPILE_MULTIVERSION(dequantise, dequantise_body, BlockRow)
JPEGCOMPILE_MULTIVERSION(apply_columns, columns_body, ChunkRows)
JPEGCOMPILE_MULTIVERSION(mix, mix_body, MixedRow)

}  // namespace jpegcompile
