// From rows of blocks to a network's input, strip by strip: at no time is there a whole image.
#pragma once

#include "jpeg/block_rows.h"
#include "preprocess/plan.h"

namespace jpegcompile {

// Writes the network's input of one image to `out`, [C][H][W] or [H][W][C], in the JPEG domain of the
// network's block size. `plan` is that of the frame of `rows`, which is not read any further than the
// network sees. Throws what `rows` throws.
void ingest(BlockRows& rows, const Plan& plan, const NetworkNumbers& network, void* out);

}  // namespace jpegcompile
