// Computes a network's input from block rows, strip by strip. A whole decoded image is never in
// memory.
#pragma once

#include <cstddef>
#include <span>

#include "jpeg/block_rows.h"
#include "preprocess/plan.h"

namespace jpegcompile {

// Writes the network's input of one image to `out`. There is one plan for each view, and one result
// for each plan: [C][H][W] or [H][W][C], in the JPEG domain with the network's block size. The
// plans must belong to the frame of `rows`. Reads rows once, up to the last row that results depend
// on. Throws what `rows` throws.
void ingest(BlockRows& rows, std::span<const Plan> plans, const NetworkNumbers& network, void* out);

// Returns the bytes of memory that `ingest` allocates for a plan.
size_t ingest_bytes(const Plan& plan, const NetworkNumbers& network);

}  // namespace jpegcompile
