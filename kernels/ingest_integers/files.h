// Reconstruction of the files of a batch from their coefficients.
#pragma once

#include "jpeg/coefficients.h"
#include "ort/kernel.h"

namespace jpegcompile {

struct FileTensors {
  Tensor luma, chroma;  // chroma has rank 0 if there is none
  Tensor quantization, frame;
};

// Throws KernelError for tensors that are not a batch of files with this frame.
FileTensors file_tensors(const Call& call);

// Returns file `index` of the batch. Throws std::bad_alloc.
Image image_of(const FileTensors& tensors, int64_t index);

}  // namespace jpegcompile
