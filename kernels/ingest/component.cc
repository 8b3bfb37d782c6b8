#include "ingest/component.h"

#include <algorithm>

#include "tiles/isa.h"

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
JPEGCOMPILE_INLINE void dequantize_body(const BlockRow& row) {
  for (int u = 0; u < 8; ++u) {
    const Float8 steps = load_integers<Word8>(row.table + 8 * u);
    float* to = row.to + u * 8 * row.blocks;
    for (int64_t block = 0; block < row.blocks; ++block) {
      store(to + 8 * block, load_integers<Short8>(row.quantized + 64 * block + 8 * u) * steps);
    }
  }
}

// Computes a chunk of kRows rows. The sums are independent, because each waits for its last
// product.
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

JPEGCOMPILE_INLINE Float8 mixed_at(const MixedRow& row, int64_t channel, int64_t position) {
  Float8 sum{};
  for (int64_t index = 0; index < row.count; ++index) {
    const float* from = row.components + index * row.component_step;
    sum += load<Float8>(from + position) * row.factors[channel * row.count + index];
  }
  return sum;
}

// Mixes three components to three channels in whole vectors: the case of nearly every file and
// network.
JPEGCOMPILE_INLINE void mix_colors(const MixedRow& row) {
  Float8 factors[9];
#pragma GCC unroll 9
  for (int index = 0; index < 9; ++index) factors[index] = Float8{} + row.factors[index];
  const float* from = row.components;
  float* to = row.to;
  const int64_t width = row.width, step = row.component_step, channel_step = row.channel_step;
  for (int64_t position = 0; position + 8 <= width; position += 8) {
    const Float8 a = load<Float8>(from + position), b = load<Float8>(from + step + position);
    const Float8 c = load<Float8>(from + 2 * step + position);
#pragma GCC unroll 3
    for (int channel = 0; channel < 3; ++channel) {
      const Float8 sum = a * factors[3 * channel] + b * factors[3 * channel + 1];
      store(to + channel * channel_step + position, sum + c * factors[3 * channel + 2]);
    }
  }
}

template <typename Isa>
JPEGCOMPILE_INLINE void mix_body(const MixedRow& row) {
  const int64_t whole = row.width / 8 * 8;
  const bool are_colors = row.count == 3 && row.channels == 3;
  if (are_colors) mix_colors(row);
  for (int64_t channel = 0; channel < row.channels; ++channel) {
    float* to = row.to + channel * row.channel_step;
    for (int64_t position = are_colors ? whole : 0; position < whole; position += 8) {
      store(to + position, mixed_at(row, channel, position));
    }
    if (whole == row.width) continue;
    const Float8 rest = mixed_at(row, channel, whole);
    for (int lane = 0; whole + lane < row.width; ++lane) to[whole + lane] = rest[lane];
  }
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

JPEGCOMPILE_MULTIVERSION(dequantize, dequantize_body, BlockRow)
JPEGCOMPILE_MULTIVERSION(apply_columns, columns_body, ChunkRows)
JPEGCOMPILE_MULTIVERSION(mix, mix_body, MixedRow)

}  // namespace jpegcompile
