// The ingest on CUDA, launched like launch.py does. Shared by all operators that begin with an
// ingest.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/cuda_operand.h"
#include "cuda/choice.h"
#include "ingest/cuda_band.h"
#include "ingest/ingest.h"

namespace jpegcompile {

// The inputs of a call.
struct FilesOnCuda {
  struct Plane {
    DeviceTensor quantized;
    std::span<const int64_t> tables;
    std::shared_ptr<const AxisBand> rows, columns;
  };

  std::array<Plane, kMaxPlanes> planes;
  DeviceTensor quantization;
  Map image;
};

class ImageIngestOnCuda {
 public:
  // The result: NCHW as the node's matrices define it, or its pixels with channels last.
  enum class Result { kPlanes, kPixels };

  ImageIngestOnCuda(const Node& node, Result result);

  // Throws KernelError for inputs that do not match.
  FilesOnCuda files(const CudaCall& call) const;
  // Computes `stored` channels of the image; channels beyond the image's own are zero.
  void run(CudaCall& call, const FilesOnCuda& files, cuda::DevicePointer y, int64_t stored) const;

 private:
  struct Names;

  const cuda::Variants& variants(const FilesOnCuda& files) const;
  void put_plane(CudaCall& call, const FilesOnCuda& files, size_t index, cuda::DevicePointer y,
                 cuda::Arguments& arguments) const;
  cuda::DevicePointer mixing_on(CudaCall& call, int64_t stored) const;

  std::span<const PlaneInputs> planes_;
  Result result_;
  int block_;
  // Two for each plane: rows and columns.
  std::vector<std::unique_ptr<BandOperand>> bands_;
  HostOperand mixing_, offset_;
  DeviceConstants mixings_;
  cuda::VariantsByForm variants_;
};

}  // namespace jpegcompile
