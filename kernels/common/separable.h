// y = rows x columns: a matrix for each axis of a map.
#pragma once

#include "ort/kernel.h"

namespace jpegcompile {

// An operator of that form, which takes a map and two matrices.
Operator separable_operator(const char* name);

}  // namespace jpegcompile
