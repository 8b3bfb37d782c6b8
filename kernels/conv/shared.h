// Packed weights that kernels have in common: sessions of one model pack the same ones.
#pragma once

#include <memory>

#include "conv/weights.h"

namespace jpegcompile {

// The weights, or equal ones that a kernel of the process has already; to the bit, so that nothing
// depends on which. They go with the last kernel that has them.
[[nodiscard]] std::shared_ptr<const Weights> shared(Weights weights);

}  // namespace jpegcompile
