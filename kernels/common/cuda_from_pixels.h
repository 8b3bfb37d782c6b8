// Base class of CUDA kernels that read the pixels of one map, and finish the result as
// kernels/common/triton.py does.
#pragma once

#include "common/cuda_maps.h"

namespace jpegcompile {

class FromPixelsOnCuda : public CudaKernel {
 public:
  void compute(CudaCall& call) const override;

 protected:
  struct Task {
    Map from, to;
    cuda::View x, y;  // x contains pixels
  };
  // Block sizes of x and y; 1 for pixels.
  FromPixelsOnCuda(const Node& node, int x_block, int y_block);

  // Constants of the compiled kernel: the common ones and `others`.
  cuda::Wanted wanted(const char* kernel, cuda::Constants others) const;
  // Arguments that all these kernels share, including the arguments of the epilogue.
  cuda::Arguments arguments(CudaCall& call, const Task& task) const;

 private:
  // Returns the output map for x. Throws KernelError if x does not fit the other operands.
  virtual Map result(const CudaCall& call, const Map& x) const = 0;
  virtual void launch(CudaCall& call, const Task& task) const = 0;

  int x_block_, y_block_;
  int64_t x_group_, y_group_;
  PlanesOnCuda planes_;
  PixelsOnCuda pixels_;
  DeviceConstants matrices_;
};

}  // namespace jpegcompile
