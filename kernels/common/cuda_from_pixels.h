// Kernels for CUDA that read the pixels of one map and finish what they make of them as
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
    cuda::View x, y;  // x holds pixels
  };
  // Block sizes of x and y; 1 for pixels.
  FromPixelsOnCuda(const Node& node, int x_block, int y_block);

  // What the kernel is compiled with besides `others`.
  cuda::Wanted wanted(const char* kernel, cuda::Constants others) const;
  // The arguments that all these kernels have; those of what follows the pixels of y.
  cuda::Arguments arguments(CudaCall& call, const Task& task) const;

 private:
  // The map that is made of x. Throws KernelError if none can be, of x or with the other operands.
  virtual Map result(const CudaCall& call, const Map& x) const = 0;
  virtual void launch(CudaCall& call, const Task& task) const = 0;

  int x_block_, y_block_;
  int64_t x_group_, y_group_;
  PlanesOnCuda planes_;
  PixelsOnCuda pixels_;
  DeviceConstants matrices_;
};

}  // namespace jpegcompile
