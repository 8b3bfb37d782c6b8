// Maps in the layouts that CUDA kernels read and write. NCHW maps are copied to scratch memory with
// channels last. Coefficients are inverted for kernels that read only pixels.
#pragma once

#include <cstdint>
#include <utility>

#include "cuda/choice.h"
#include "cuda/programs.h"
#include "cuda/views.h"
#include "ort/cuda_kernel.h"
#include "tiles/map.h"

namespace jpegcompile {

// Converts NCHW maps to channels last, and back.
class PlanesOnCuda {
 public:
  PlanesOnCuda();

  // Returns a view of the map itself if its layout fits, otherwise of a copy.
  cuda::View read(CudaCall& call, const Map& map, int block, cuda::DevicePointer data) const;
  // Returns a copy of a map of up to four channels, [N, H, W, 4].
  cuda::DevicePointer read_thin(CudaCall& call, const Map& map, cuda::DevicePointer data) const;
  // Returns the memory for a result, which `write` then copies into the tensor if it is not the
  // tensor.
  cuda::View target(CudaCall& call, const Map& map, int block, cuda::DevicePointer data) const;
  void write(CudaCall& call, const Map& map, const cuda::View& made,
             cuda::DevicePointer data) const;

 private:
  cuda::Variants from_planes_, thin_from_planes_, to_planes_;
};

// One number per channel in device memory: [channels], padded to whole groups.
struct DeviceVector {
  cuda::DevicePointer data = 0;
  int64_t image = 0;  // elements from image to image; 0 if all images share the numbers
};

// y = T program(x, second, other, constants, vector): a function of the pixels of one map or of two
// (kernels/arithmetic/triton.py). The second value is the approximation of x, or a map of ones.
class ElementwiseOnCuda {
 public:
  enum class Other { kNone, kMap, kOneChannel };
  struct Operation {
    cuda::Program program;
    bool approximates = false;
    bool is_linear = false;   // reads ones; runs on coefficients if x and y have the same
    bool has_vector = false;  // replaces the last constant of the program
    Other other = Other::kNone;
  };
  // Only the layout of the views matters here, not their memory.
  ElementwiseOnCuda(const Operation& operation, const cuda::View& x, const cuda::View& y,
                    const cuda::View& other = {});
  ElementwiseOnCuda(cuda::Program program, bool approximates, const cuda::View& x,
                    const cuda::View& y)
      : ElementwiseOnCuda(Operation{std::move(program), approximates}, x, y) {}

  struct Task {
    Map map;
    int block;
    cuda::View x, y;
    int read;                           // frequencies of x to read
    int made;                           // frequencies of y to compute
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

// Converts coefficients to pixels for kernels that read only pixels. All maps of a node have the
// same layout.
class PixelsOnCuda {
 public:
  // `block`, `group` and `frequencies` are the attributes of these maps.
  PixelsOnCuda(int block, int64_t group, int64_t frequencies);

  // Returns the pixels that the first `frequencies` make, in scratch memory.
  cuda::View made(CudaCall& call, const Map& map, const cuda::View& from, int frequencies) const;
  // Returns the pixels of the map; the map itself if it already contains pixels.
  cuda::View of(CudaCall& call, const Map& map, const cuda::View& from) const {
    return from.is_pixels() ? from : made(call, map, from, from.frequencies);
  }

 private:
  ElementwiseOnCuda kernel_;
  DeviceConstants matrices_;
};

// Returns the matrix in device memory.
cuda::DevicePointer matrix_on(CudaCall& call, const cuda::TileMatrix& matrix,
                              const DeviceConstants& matrices);

}  // namespace jpegcompile
