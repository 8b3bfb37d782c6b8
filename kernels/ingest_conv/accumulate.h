// Sums of responses along one row of outputs.
#pragma once

#include <cstdint>

#include "ingest_conv/nonzeros.h"

namespace jpegcompile {

// What a row of blocks adds to one row of outputs of some channel groups.
struct RowSums {
  const Nonzero* nonzeros;
  const int32_t* starts;  // of each block, then the end of the last one
  int64_t blocks;
  const float* table;     // for this row of the patches, [modes][2][columns][16]
  int64_t columns;        // outputs of a patch
  float* row;             // first output of the first block's patch
  int64_t step;           // floats from one block's patch to the next
  int64_t groups;         // of 16 channels: 1 or 2
  int64_t row_group;      // floats from one group's row to the next
};

void accumulate(const RowSums& sums);

}  // namespace jpegcompile
