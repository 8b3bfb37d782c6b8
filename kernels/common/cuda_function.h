// Functions of the pixels of a map on CUDA, with what follows them.
#pragma once

#include <vector>

#include "common/cuda_maps.h"

namespace jpegcompile {

// y = T program(x, approximation): of a node whose maps have one size. The band of a node is that of
// the approximation, or, if the operator truncates, of the result.
class FunctionOnCuda : public CudaKernel {
 public:
  // Block sizes of x and y; 1 for pixels.
  struct Blocks {
    int x, y;
  };
  // The block size of the node for both maps.
  static Blocks same(const Node& node);

  FunctionOnCuda(const Node& node, cuda::Program program, const Blocks& blocks);

  void compute(CudaCall& call) const override;

 private:
  // The constants of the program, [constants, channels], with channels filled up to whole groups.
  virtual std::vector<float> constants(CudaCall& call, int64_t channels) const;
  // Whether they are the same at every call.
  virtual bool are_fixed() const { return true; }
  cuda::DevicePointer constants_on(CudaCall& call, int64_t channels) const;

  Blocks blocks_;
  int64_t x_group_, y_group_, x_frequencies_, y_frequencies_;
  bool is_masked_, is_truncated_;
  int constants_count_;
  PlanesOnCuda planes_;
  ElementwiseOnCuda kernel_;
  DeviceConstants matrices_, constants_;
};

}  // namespace jpegcompile
