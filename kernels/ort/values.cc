#include "ort/values.h"

#include <string>

namespace jpegcompile::ort {

void check(const Api& api, Status* status) {
  if (status == nullptr) return;
  std::string message = get_error_message(api, status);
  release_status(api, status);
  throw KernelError(message);
}

Tensor view(const Api& api, const Value* value) {
  TensorTypeAndShapeInfo* info = nullptr;
  check(api, get_tensor_type_and_shape(api, value, &info));
  struct Release {
    const Api& api;
    TensorTypeAndShapeInfo* info;
    ~Release() { release_tensor_type_and_shape(api, info); }
  } release{api, info};
  Tensor tensor;
  int type = 0;
  check(api, get_tensor_element_type(api, info, &type));
  tensor.type = static_cast<ElementType>(type);
  size_t rank = 0;
  check(api, get_dimensions_count(api, info, &rank));
  check(api, get_dimensions(api, info, tensor.shape.resize(rank), rank));
  tensor.shape.check_extents("a tensor");
  void* data = nullptr;
  check(api, get_tensor_mutable_data(api, const_cast<Value*>(value), &data));
  tensor.data = data;
  return tensor;
}

}  // namespace jpegcompile::ort
