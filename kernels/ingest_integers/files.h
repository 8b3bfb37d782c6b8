// The files of a batch, put together again from their coefficients.
#pragma once

#include "jpeg/coefficients.h"
#include "ort/kernel.h"

namespace jpegcompile {

struct FileTensors {
  Tensor luma, chroma;  // chroma of rank 0 where there is none
  Tensor quantization, frame;
};

// Throws KernelError for tensors that are no batch of files of that frame.
FileTensors file_tensors(const Call& call);

// File `index` of the batch. Throws std::bad_alloc.
Image image_of(const FileTensors& tensors, int64_t index);

}  // namespace jpegcompile
