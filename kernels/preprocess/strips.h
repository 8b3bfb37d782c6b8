// From rows of blocks to a network's input, strip by strip: at no time is there a whole image.
#pragma once

#include <cstddef>
#include <span>

#include "jpeg/block_rows.h"
#include "preprocess/plan.h"

namespace jpegcompile {

// Writes the network's input of one image to `out`: for each plan, which is that of a view, [C][H][W]
// or [H][W][C] in the JPEG domain of the network's block size. The plans are of the frame of `rows`,
// which is read once, and not any further than the network sees. Throws what `rows` throws.
void ingest(BlockRows& rows, std::span<const Plan> plans, const NetworkNumbers& network, void* out);

// Bytes of memory that `ingest` takes for a plan.
size_t ingest_bytes(const Plan& plan, const NetworkNumbers& network);

}  // namespace jpegcompile
