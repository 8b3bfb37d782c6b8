// Maps as kernels for CUDA take and make them: operators' maps in planes, [N, C, H, W], are copied
// to scratch memory with channels last, and coefficients are taken to pixels where a kernel reads
// these alone.
#pragma once

#include <cstdint>

#include "cuda/choice.h"
#include "cuda/programs.h"
#include "cuda/views.h"
#include "ort/cuda_kernel.h"
#include "tiles/map.h"

namespace jpegcompile {

// Maps in planes to channels last, and back.
class PlanesOnCuda {
 public:
  PlanesOnCuda();

  // The map as it stands, or as a copy.
  cuda::View read(CudaCall& call, const Map& map, int block, cuda::DevicePointer data) const;
  // The copy of a map of up to four channels [N, H, W, 4].
  cuda::DevicePointer read_thin(CudaCall& call, const Map& map, cuda::DevicePointer data) const;
  // Where to make a map, which `write` then puts into the tensor.
  cuda::View target(CudaCall& call, const Map& map, int block, cuda::DevicePointer data) const;
  void write(CudaCall& call, const Map& map, const cuda::View& made,
             cuda::DevicePointer data) const;

 private:
  cuda::Variants from_planes_, thin_from_planes_, to_planes_;
};

// y = T program(x, approximation): a function of the pixels of a map (kernels/arithmetic/triton.py).
class ElementwiseOnCuda {
 public:
  // `x` and `y` tell how maps stand, and not where.
  ElementwiseOnCuda(cuda::Program program, bool approximates, const cuda::View& x,
                    const cuda::View& y);

  struct Task {
    Map map;
    int block;
    cuda::View x, y;
    int read;                           // frequencies of x
    int made;                           // frequencies of y
    int phi = 0;                        // frequencies of the approximation
    cuda::DevicePointer constants = 0;  // [constants of the program, channels]
  };
  void run(CudaCall& call, const Task& task, const DeviceConstants& matrices) const;

 private:
  bool approximates_;
  cuda::Variants variants_;
};

// The matrix in the memory of the device.
cuda::DevicePointer matrix_on(CudaCall& call, const cuda::TileMatrix& matrix,
                              const DeviceConstants& matrices);

}  // namespace jpegcompile
