// Programs of a model's own: a file of compiled kernels may have some besides those of operators.
#pragma once

#include "cuda/cubins.h"
#include "cuda/programs.h"

namespace jpegcompile::cuda {

// Whether files have a kernel of any function of a pixel that no operator has by itself.
bool has_own_programs(const CubinFiles& files);

// Throws KernelError if files have no kernel of a function of a pixel.
void require_program(const CubinFiles& files, const Program& program);

}  // namespace jpegcompile::cuda
