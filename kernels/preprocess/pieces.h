// Networks' inputs within a bound of memory: as many views together as fit, and what does not fit
// piece by piece, so that very wide images take no more memory than others.
#pragma once

#include <cstddef>
#include <span>

#include "preprocess/passes.h"
#include "preprocess/placement.h"
#include "preprocess/plan.h"

namespace jpegcompile {

// Bytes of sums and of rows between stages that an image takes at once. Photographs take less: ten
// views of 12 megapixels that shrink to 224 pixels, 5 MB.
inline constexpr size_t kMaxSumBytes = size_t{1} << 23;

// Writes the network's input of one image to `out`, as `ingest` does; `placements` are those of the
// plans. The file is read once for all views that take at most `max_bytes` together, above 0, and
// where one takes more by itself, once for each piece of it. The least piece has 8 columns of the
// result (rows, if the image is turned by a quarter). Throws what `passes` throws.
void take_floats(Passes& passes, std::span<const Plan> plans, std::span<const Placement> placements,
                 const NetworkNumbers& network, size_t max_bytes, std::byte* out);

}  // namespace jpegcompile
