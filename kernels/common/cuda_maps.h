// Maps as kernels for CUDA take and make them: operators' maps in planes, [N, C, H, W], are copied
// to scratch memory with channels last, and coefficients are taken to pixels where a kernel reads
// these alone.
#pragma once

#include <cstdint>
#include <utility>

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

// A number for each channel in the memory of the device: [channels], filled up to whole groups.
struct DeviceVector {
  cuda::DevicePointer data = 0;
  int64_t image = 0;  // from image to image; 0 if all have the same numbers
};

// y = T program(x, second, other, constants, vector): a function of the pixels of a map, or of two
// (kernels/arithmetic/triton.py). The second value is the approximation of x, or a map of ones.
class ElementwiseOnCuda {
 public:
  enum class Other { kNone, kMap, kOneChannel };
  struct Operation {
    cuda::Program program;
    bool approximates = false;
    bool is_linear = false;   // reads ones, and acts on coefficients where x and y have the same
    bool has_vector = false;  // in place of the last constant of the program
    Other other = Other::kNone;
  };
  // Views tell how maps stand, and not where.
  ElementwiseOnCuda(const Operation& operation, const cuda::View& x, const cuda::View& y,
                    const cuda::View& other = {});
  ElementwiseOnCuda(cuda::Program program, bool approximates, const cuda::View& x,
                    const cuda::View& y)
      : ElementwiseOnCuda(Operation{std::move(program), approximates}, x, y) {}

  struct Task {
    Map map;
    int block;
    cuda::View x, y;
    int read;                           // frequencies of x
    int made;                           // frequencies of y
    int phi = 0;                        // frequencies of the approximation
    cuda::DevicePointer constants = 0;  // [constants of the program, channels]
    cuda::View other = {};
    DeviceVector vector = {};
  };
  void run(CudaCall& call, const Task& task, const DeviceConstants& matrices) const;

 private:
  bool approximates_, has_other_, on_coefficients_;
  cuda::Variants variants_;
};

// Pixels of maps of coefficients, for kernels that read pixels alone. The maps of a node stand alike.
class PixelsOnCuda {
 public:
  // Of maps with these attributes.
  PixelsOnCuda(int block, int64_t group, int64_t frequencies);

  // The pixels that so many frequencies make, in scratch memory.
  cuda::View made(CudaCall& call, const Map& map, const cuda::View& from, int frequencies) const;
  // The pixels of the map, which is read where it stands if it holds them.
  cuda::View of(CudaCall& call, const Map& map, const cuda::View& from) const {
    return from.is_pixels() ? from : made(call, map, from, from.frequencies);
  }

 private:
  ElementwiseOnCuda kernel_;
  DeviceConstants matrices_;
};

// The matrix in the memory of the device.
cuda::DevicePointer matrix_on(CudaCall& call, const cuda::TileMatrix& matrix,
                              const DeviceConstants& matrices);

}  // namespace jpegcompile
