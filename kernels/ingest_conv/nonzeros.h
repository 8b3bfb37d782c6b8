// The nonzero coefficients of an image, block by block.
#pragma once

#include <cstdint>

#include "ingest_conv/responses.h"

namespace jpegcompile {

// A dequantized coefficient, or a combination of coefficients at the border, and the offset of its
// patch in a row of the table, in floats.
struct Nonzero {
  float value;
  int32_t place;
};

// The components of one image that share a layer: [components][block rows][block columns][8][8],
// with their tables.
struct QuantizedPlanes {
  const int16_t* quantized;
  const uint16_t* const* tables;  // of each component
};

// Returns the number of nonzero values among `count` values.
int64_t count_nonzeros(const int16_t* quantized, int64_t count);

// The largest possible number of entries in a row of blocks.
inline int64_t most_nonzeros(const Layer& layer) { return layer.columns.blocks * layer.modes(); }

// Lists the entries of one row of blocks, and where the entries of each block start: [block columns
// + 1].
void list_nonzeros(const Layer& layer, const QuantizedPlanes& planes, int64_t block_row,
                   Nonzero* nonzeros, int32_t* starts);

}  // namespace jpegcompile
