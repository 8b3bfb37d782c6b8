// Functions of the pixels of two maps on CUDA, with what follows them.
#pragma once

#include <optional>

#include "common/cuda_maps.h"
#include "common/cuda_vector.h"

namespace jpegcompile {

// y = T program(x, residual): of a node whose maps have one size and block size.
class TwoMapsOnCuda : public CudaKernel {
 public:
  // `vector` is an operand with a number for each channel, which takes the place of the last constant
  // of the program.
  TwoMapsOnCuda(const Node& node, const cuda::Program& program, std::optional<In> vector = {});

  void compute(CudaCall& call) const override;

 protected:
  int block_;
  int64_t other_group_, other_frequencies_;

 private:
  // The other map of a call, of one image or of one channel if it goes with all of x. Throws
  // KernelError for a shape that does not fit.
  virtual Map other_map(const Shape& shape, const Map& x) const = 0;

  int64_t x_group_, y_group_, x_frequencies_, y_frequencies_;
  bool is_truncated_;
  std::optional<In> vector_;
  PlanesOnCuda planes_;
  VectorOnCuda vectors_;
  ElementwiseOnCuda kernel_, of_one_channel_;
  DeviceConstants matrices_;
};

}  // namespace jpegcompile
