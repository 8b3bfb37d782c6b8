// Global pooling on CUDA, launched like launch.py of the operators' folders does.
#pragma once

#include "common/cuda_maps.h"

namespace jpegcompile {

class GlobalPoolOnCuda : public CudaKernel {
 public:
  GlobalPoolOnCuda(const Node& node, const char* kernel);

  void compute(CudaCall& call) const override;

 protected:
  int block() const { return block_; }

 private:
  // Adds the arguments that describe the part of the map that the kernel reads.
  virtual void put_input(CudaCall& call, const Map& map, const cuda::View& stored,
                         cuda::Arguments& arguments) const = 0;
  void launch(CudaCall& call, const Map& from, const cuda::View& y,
              cuda::Arguments& arguments) const;

  int block_;
  int64_t x_group_, x_frequencies_;
  PlanesOnCuda planes_;
  cuda::Variants variants_;
};

}  // namespace jpegcompile
