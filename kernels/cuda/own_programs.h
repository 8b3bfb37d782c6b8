// Pixelwise programs of a single model, which a file of compiled kernels may contain besides the
// operators' own.
#pragma once

#include "cuda/cubins.h"
#include "cuda/programs.h"

namespace jpegcompile::cuda {

// Whether the files contain a kernel of a pixelwise program that no operator has.
bool has_own_programs(const CubinFiles& files);

// Throws KernelError if the files contain no kernel of this program.
void require_program(const CubinFiles& files, const Program& program);

}  // namespace jpegcompile::cuda
