// Functions of the pixels of a map on CUDA, with what follows them.
#pragma once

#include <optional>
#include <vector>

#include "common/cuda_maps.h"
#include "common/cuda_vector.h"

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

  // A program of x and a map of ones that may as well act on coefficients. `vector` is an operand
  // with a number for each channel, which takes the place of the last constant.
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
  // The constants of the program, [constants, channels], with channels filled up to whole groups.
  virtual std::vector<float> constants(CudaCall& call, const Map& x) const;
  // Whether they are the same at every call.
  virtual bool are_fixed() const { return true; }
  cuda::DevicePointer constants_on(CudaCall& call, const Map& x) const;
  // How many frequencies of y are made.
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
