// Operands with one number per channel that CUDA kernels read in device memory.
#pragma once

#include "common/cuda_maps.h"

namespace jpegcompile {

class VectorOnCuda {
 public:
  VectorOnCuda();

  // Returns the operand as one number per channel of x: the tensor itself or a copy, or nothing if
  // x is empty. Throws KernelError if the operand does not broadcast to this shape.
  DeviceVector read(CudaCall& call, In name, const Map& x) const;

 private:
  PlanesOnCuda planes_;
  ElementwiseOnCuda spread_;
  DeviceConstants matrices_;
};

}  // namespace jpegcompile
