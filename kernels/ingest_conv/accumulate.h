// Sums of responses along one row of outputs.
#pragma once

#include <cstdint>

#include "ingest_conv/nonzeros.h"

namespace jpegcompile {

// What a row of blocks adds to one row of outputs of some groups.
struct RowSums {
  const Nonzero* nonzeros;
  const int32_t* starts;  // of each block's, and the end of the last
  int64_t blocks;
  const float* table;     // of this row of the patches, [modes][2][columns][16]
  int64_t columns;        // outputs of a patch
  float* row;             // the first output of the first block's patch
  int64_t step;           // floats from one block's patch to the next
  int64_t groups;         // of 16 channels: 1 or 2,
  int64_t row_group;      // whose rows are so many floats apart
};

void accumulate(const RowSums& sums);

}  // namespace jpegcompile
