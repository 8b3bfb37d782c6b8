// One component of a file: from quantised coefficients to rows at the network's resolution.
#pragma once

#include <cstdint>
#include <vector>

#include "tiles/axis.h"

namespace jpegcompile {

// The right matrix of a component by chunks of 8 outputs, each with the inputs that it reads.
struct ColumnChunks {
  static constexpr int64_t kWidth = 8;
  struct Chunk {
    int64_t first, count;
    size_t factors;  // where [count][8] factors begin
    bool is_copy;
  };

  std::vector<Chunk> chunks;
  std::vector<float> factors;

  static ColumnChunks of(const AxisMatrix& matrix);
};

// Blocks [blocks][8][8] of a row of blocks become 8 rows of 8 * blocks coefficients.
struct BlockRow {
  const int16_t* quantised;
  const uint16_t* table;
  int64_t blocks;
  float* to;
};

void dequantise(const BlockRow& row);

// Rows of `from`, `from_pitch` apart, through the matrix: rows of whole chunks, `to_pitch` apart.
struct ChunkRows {
  const ColumnChunks& columns;
  const float* from;
  float* to;
  int64_t rows, from_pitch, to_pitch;
};

void apply_columns(const ChunkRows& rows);

// One row of every channel, each a mixture of the components' rows.
struct MixedRow {
  const float* components;  // the first row; the next one is `component_step` floats behind it
  int64_t component_step, count;
  const float* factors;  // [channels][count]
  float* to;             // of the first channel; the next one is `channel_step` floats behind it
  int64_t channel_step, channels, width;
};

void mix(const MixedRow& row);

}  // namespace jpegcompile
