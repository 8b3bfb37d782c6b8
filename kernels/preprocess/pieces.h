// Computes a network's input within a memory budget: as many views at once as fit, and views that
// do not fit in pieces. Thus very wide images need no more memory than others.
#pragma once

#include <cstddef>
#include <span>

#include "preprocess/passes.h"
#include "preprocess/placement.h"
#include "preprocess/plan.h"

namespace jpegcompile {

// Memory budget of an image in bytes, for sums and for rows between stages. Photographs need less:
// ten views of a 12-megapixel image that is resized to 224 pixels need 5 MB.
inline constexpr size_t kMaxSumBytes = size_t{1} << 23;

// Writes the network's input of one image to `out`, like `ingest`. `placements[i]` belongs to
// `plans[i]`. Reads the file once for every group of views that together need at most `max_bytes`,
// which must be positive. If one view alone needs more, reads the file once for each piece of the
// view. The smallest piece has 8 columns of the result (8 rows if the image is rotated by 90
// degrees). Throws what `passes` throws.
void take_floats(Passes& passes, std::span<const Plan> plans, std::span<const Placement> placements,
                 const NetworkNumbers& network, size_t max_bytes, std::byte* out);

}  // namespace jpegcompile
