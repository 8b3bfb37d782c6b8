// Processing of one component of a file, from quantized coefficients to rows at the network's
// resolution.
#pragma once

#include <cstdint>
#include <vector>

#include "tiles/axis.h"

namespace jpegcompile {

// The right matrix of a component in chunks of 8 outputs, each with the inputs that it reads.
struct ColumnChunks {
  static constexpr int64_t kWidth = 8;
  struct Chunk {
    int64_t first, count;
    size_t factors;  // offset of the [count][8] factors
    bool is_copy;
  };

  std::vector<Chunk> chunks;
  std::vector<float> factors;

  static ColumnChunks of(const AxisMatrix& matrix);
};

// Converts a row of blocks, [blocks][8][8], to 8 rows of 8 * blocks coefficients.
struct BlockRow {
  const int16_t* quantized;
  const uint16_t* table;
  int64_t blocks;
  float* to;
};

void dequantize(const BlockRow& row);

// Applies the matrix to rows of `from`, `from_pitch` apart. Writes rows of whole chunks, `to_pitch`
// apart.
struct ChunkRows {
  const ColumnChunks& columns;
  const float* from;
  float* to;
  int64_t rows, from_pitch, to_pitch;
};

void apply_columns(const ChunkRows& rows);

// One row of every channel, a mixture of the same row of each component.
struct MixedRow {
  const float* components;  // the first row; `component_step` floats to the next
  int64_t component_step, count;
  const float* factors;  // [channels][count]
  float* to;             // of the first channel; `channel_step` floats to the next
  int64_t channel_step, channels, width;
};

void mix(const MixedRow& row);

}  // namespace jpegcompile
