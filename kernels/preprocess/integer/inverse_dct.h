// The inverse DCT "islow" of libjpeg-turbo, on a row of blocks.
#pragma once

#include <cstdint>

namespace jpegcompile::integer {

// Blocks of quantized coefficients [count][8][8], and their samples [8 * count][8 rows].
struct BlockRow {
  const int16_t* blocks;
  const uint16_t* table;
  int64_t count;
  uint8_t* to;
};

void inverse_dct(const BlockRow& row);

}  // namespace jpegcompile::integer
