// Functions of the pixels of a map on CUDA, with their epilogue.
#pragma once

#include <optional>
#include <vector>

#include "common/cuda_maps.h"
#include "common/cuda_vector.h"

namespace jpegcompile {

// y = T program(x, approximation), for nodes whose maps have the same size. The input `band`
// belongs to the approximation or, if the operator truncates, to the result.
class FunctionOnCuda : public CudaKernel {
 public:
  // Block sizes of x and y; 1 for pixels.
  struct Blocks {
    int x, y;
  };
  // Both maps have the block size of the node.
  static Blocks same(const Node& node);

  // A program of x and a map of ones. It is linear, so it may also run on coefficients. `vector` is
  // an operand with one number per channel, which replaces the last constant.
  struct Linear {
    cuda::Program program;
    std::optional<In> vector;
  };

  FunctionOnCuda(const Node& node, cuda::Program program, const Blocks& blocks);
  FunctionOnCuda(const Node& node, const Linear& linear);

  void compute(CudaCall& call) const override;

 protected:
  // Zeros for all constants of the program, [constants, channels].
  std::vector<float> no_constants(const Map& x) const;

 private:
  FunctionOnCuda(const Node& node, const ElementwiseOnCuda::Operation& operation,
                 std::optional<In> vector, const Blocks& blocks);
  // The constants of the program, [constants, channels], with channels padded to whole groups.
  virtual std::vector<float> constants(CudaCall& call, const Map& x) const;
  // Whether the constants are the same at every call.
  virtual bool are_fixed() const { return true; }
  cuda::DevicePointer constants_on(CudaCall& call, const Map& x) const;
  // Number of frequencies of y to compute.
  int made_of(const CudaCall& call, const Map& x, const Map& y) const;

  Blocks blocks_;
  int64_t x_group_, y_group_, x_frequencies_, y_frequencies_;
  bool is_masked_, is_truncated_, is_linear_;
  std::optional<In> vector_;
  int constants_count_;
  PlanesOnCuda planes_;
  VectorOnCuda vectors_;
  ElementwiseOnCuda kernel_;
  DeviceConstants matrices_, constants_;
};

}  // namespace jpegcompile
