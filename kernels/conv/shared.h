// Packed weights shared between kernels: sessions of one model pack the same weights.
#pragma once

#include <memory>

#include "conv/weights.h"

namespace jpegcompile {

// Returns the weights, or equal weights of another kernel in the process. They are equal bit by
// bit, so results do not depend on which are used. Weights are freed with the last kernel that uses
// them.
[[nodiscard]] std::shared_ptr<const Weights> shared(Weights weights);

}  // namespace jpegcompile
