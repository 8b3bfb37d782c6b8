// Operands with a number for each channel that kernels for CUDA read on the device.
#pragma once

#include "common/cuda_maps.h"

namespace jpegcompile {

class VectorOnCuda {
 public:
  VectorOnCuda();

  // The operand as one number for each channel of x, where it stands or as a copy; nothing if x
  // is empty. Throws KernelError if it does not broadcast to that.
  DeviceVector read(CudaCall& call, In name, const Map& x) const;

 private:
  PlanesOnCuda planes_;
  ElementwiseOnCuda spread_;
  DeviceConstants matrices_;
};

}  // namespace jpegcompile
