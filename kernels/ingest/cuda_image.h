// The ingest on CUDA, as launch.py launches it, for the operators that begin with it.
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

// What a call takes.
struct FilesOnCuda {
  struct Plane {
    DeviceTensor quantised;
    std::span<const int64_t> tables;
    std::shared_ptr<const AxisBand> rows, columns;
  };

  std::array<Plane, kMostPlanes> planes;
  DeviceTensor quantization;
  Map image;
};

class ImageIngestOnCuda {
 public:
  // What the node's matrices make, in planes; or the pixels of it, with channels last.
  enum class Result { kPlanes, kPixels };

  ImageIngestOnCuda(const Node& node, Result result);

  // Throws KernelError for inputs that do not fit together.
  FilesOnCuda files(const CudaCall& call) const;
  // Makes so many channels of the image, those that it does not have of zeros.
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
  // Of each plane, its rows and its columns.
  std::vector<std::unique_ptr<BandOperand>> bands_;
  HostOperand mixing_, offset_;
  DeviceConstants mixings_;
  cuda::VariantsByForm variants_;
};

}  // namespace jpegcompile
