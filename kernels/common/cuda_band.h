// Matrices of an axis as kernels for CUDA read them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "ort/cuda_kernel.h"
#include "tiles/axis.h"

namespace jpegcompile {

// Of every few outputs, which are a group, the inputs that they read, beside each other.
struct AxisBand {
  int64_t outputs = 0, inputs = 0;  // of the matrix
  int64_t window = 0;               // inputs of a group
  std::vector<float> values;        // [outputs, window], filled up to whole groups with zeros
  std::vector<int32_t> starts;      // the first input of each group
};

// Puts the values of a matrix into a band whose window and starts are there.
void put_values(const AxisMatrix& matrix, int64_t group, AxisBand& band);

// The narrowest band of a matrix whose outputs are groups by themselves. It reads no input beyond
// the last.
AxisBand narrow_band(const AxisMatrix& matrix);

// A matrix that a node takes: made into a band once if it is a constant, else at every call.
class BandOperand {
 public:
  using Make = std::function<AxisBand(const Tensor& matrix)>;
  BandOperand(const Node& node, In input, Make make);

  std::shared_ptr<const AxisBand> of(const CudaCall& call) const;
  // The parts of such a band in the memory of the device.
  cuda::DevicePointer values(CudaCall& call, const AxisBand& band) const;
  cuda::DevicePointer starts(CudaCall& call, const AxisBand& band) const;

 private:
  In input_;
  Make make_;
  std::shared_ptr<const AxisBand> constant_;
  DeviceConstants values_, starts_;
};

}  // namespace jpegcompile
