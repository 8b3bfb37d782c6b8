// Functions of the pixels of two maps on CUDA, with their epilogue.
#pragma once

#include <optional>

#include "common/cuda_maps.h"
#include "common/cuda_vector.h"

namespace jpegcompile {

// y = T program(x, residual), for nodes whose maps have the same size and block size.
class TwoMapsOnCuda : public CudaKernel {
 public:
  // `vector` is an operand with one number per channel, which replaces the last constant of the
  // program.
  TwoMapsOnCuda(const Node& node, const cuda::Program& program, std::optional<In> vector = {});

  void compute(CudaCall& call) const override;

 protected:
  int block_;
  int64_t other_group_, other_frequencies_;

 private:
  // Returns the shape of the second map; it may have one image or one channel, which then applies
  // to all of x. Throws KernelError for a shape that does not fit.
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
