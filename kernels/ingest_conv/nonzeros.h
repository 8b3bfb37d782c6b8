// The coefficients of an image that are not zero, block by block.
#pragma once

#include <cstdint>

#include "ingest_conv/responses.h"

namespace jpegcompile {

// A dequantised coefficient, or a sum of them at the border, and where its patch is in a row of the
// table, in floats.
struct Nonzero {
  float value;
  int32_t place;
};

// Components of one image that share a layer: [components][block rows][block columns][8][8], with
// their tables.
struct QuantisedPlanes {
  const int16_t* quantised;
  const uint16_t* const* tables;  // of each component
};

// Coefficients that are not zero among so many.
int64_t count_nonzeros(const int16_t* quantised, int64_t count);

// The most that a row of blocks can have.
inline int64_t most_nonzeros(const Layer& layer) { return layer.columns.blocks * layer.modes(); }

// Those of one row of blocks, and where each block's begin: [block columns + 1].
void list_nonzeros(const Layer& layer, const QuantisedPlanes& planes, int64_t block_row,
                   Nonzero* nonzeros, int32_t* starts);

}  // namespace jpegcompile
