// Converts values of ONNX Runtime to tensors, and its errors to exceptions.
#pragma once

#include "ort/abi.h"
#include "tiles/tensor.h"

namespace jpegcompile::ort {

// Throws KernelError with the message of a failed call.
void check(const Api& api, Status* status);

// Throws KernelError for a tensor that is too large.
Tensor view(const Api& api, const Value* value);

}  // namespace jpegcompile::ort
