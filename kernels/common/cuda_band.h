// Axis matrices in the form that CUDA kernels read.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "ort/cuda_kernel.h"
#include "tiles/axis.h"

namespace jpegcompile {

// A matrix split into groups of consecutive outputs. Each group stores one contiguous window of
// inputs.
struct AxisBand {
  int64_t outputs = 0, inputs = 0;  // size of the matrix
  int64_t window = 0;               // inputs of one group
  std::vector<float> values;        // [outputs, window], outputs padded to whole groups with zeros
  std::vector<int32_t> starts;      // first input of each group
};

// Copies the values of a matrix into a band whose window and starts are already set.
void put_values(const AxisMatrix& matrix, int64_t group, AxisBand& band);

// Returns the narrowest band in which every output is its own group. No window extends past the
// last input.
AxisBand narrow_band(const AxisMatrix& matrix);

// The matrix of a node as a band: converted once if the matrix is a constant, otherwise at every
// call.
class BandOperand {
 public:
  using Make = std::function<AxisBand(const Tensor& matrix)>;
  BandOperand(const Node& node, In input, Make make);

  std::shared_ptr<const AxisBand> of(const CudaCall& call) const;
  // Return device pointers to the parts of a band that `of` returned.
  cuda::DevicePointer values(CudaCall& call, const AxisBand& band) const;
  cuda::DevicePointer starts(CudaCall& call, const AxisBand& band) const;

 private:
  In input_;
  Make make_;
  std::shared_ptr<const AxisBand> constant_;
  DeviceConstants values_, starts_;
};

}  // namespace jpegcompile
