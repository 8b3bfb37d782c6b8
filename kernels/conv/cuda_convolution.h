// A convolution on CUDA with its epilogue, launched like launch.py does. Shared by all operators
// that contain a convolution.
#pragma once

#include <cstdint>
#include <vector>

#include "common/cuda_maps.h"
#include "common/cuda_operand.h"
#include "conv/cuda_shape.h"
#include "conv/weights.h"

namespace jpegcompile {

// The work of one call.
struct CudaConvolution {
  // What the kernel reads: pixels, an image [N, H, W, 4] in scratch memory, or coefficients.
  enum class Form { kPixels, kThin, kRows };

  Weights weights;  // not packed
  Map input, output;
  int output_block = 1;
  Form form = Form::kPixels;
  bool is_transposed = false;
  bool has_residual = false;
  bool is_activated = true;  // whether it computes anything on pixels
  int made = 1;              // frequencies of the output
  cuda::View x, added, y;

  // Whether the residual is read as coefficients, and not as pixels.
  bool is_mixed() const { return has_residual && !added.is_pixels(); }
};

// For a node with weights, a bias, and the operands of its activation.
class ConvolutionOnCuda {
 public:
  explicit ConvolutionOnCuda(const Node& node);

  bool has_program() const { return !program_.is_nothing(); }
  // The weights of the node, unchanged.
  Tensor weight(const CudaCall& call) const { return weight_.of(call); }
  void run(CudaCall& call, const CudaConvolution& task) const;

 private:
  const cuda::Variants& variants(const CudaConvolution& task) const;
  void put_pointers(CudaCall& call, const CudaConvolution& task, cuda::Arguments& arguments) const;
  cuda::DevicePointer weights_on(CudaCall& call, const CudaConvolution& task,
                                 const CudaShape& shape, const cuda::Tiling& tiling) const;
  cuda::DevicePointer bias_on(CudaCall& call, int64_t outputs) const;
  cuda::DevicePointer inverse_on(CudaCall& call, const CudaConvolution& task) const;
  cuda::DevicePointer constants_on(CudaCall& call, int64_t outputs) const;

  Activation activation_;
  cuda::Program program_;
  HostOperand weight_, bias_;
  std::vector<HostOperand> operands_;
  DeviceConstants weights_, biases_, constants_, matrices_;
  cuda::VariantsByForm variants_;
};

}  // namespace jpegcompile
