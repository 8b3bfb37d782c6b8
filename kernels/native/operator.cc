#include "operator.h"

#include <algorithm>
#include <utility>

namespace jpegcompile {
namespace {

// More than a session has: those that come too late find nothing left to do.
constexpr size_t kMostThreads = 64;

// Turns a failed call of the runtime into an exception that carries its message.
void check(const ort::Api& api, ort::Status* status) {
  if (status == nullptr) return;
  std::string message = ort::get_error_message(api, status);
  ort::release_status(api, status);
  throw KernelError(message);
}

Tensor view(const ort::Api& api, const ort::Value* value) {
  ort::TensorTypeAndShapeInfo* info = nullptr;
  check(api, ort::get_tensor_type_and_shape(api, value, &info));
  struct Release {
    const ort::Api& api;
    ort::TensorTypeAndShapeInfo* info;
    ~Release() { ort::release_tensor_type_and_shape(api, info); }
  } release{api, info};
  Tensor tensor;
  int type = 0;
  check(api, ort::get_tensor_element_type(api, info, &type));
  tensor.type = static_cast<ort::ElementType>(type);
  size_t rank = 0;
  check(api, ort::get_dimensions_count(api, info, &rank));
  check(api, ort::get_dimensions(api, info, tensor.shape.resize(rank), rank));
  tensor.shape.check_extents("a tensor");
  void* data = nullptr;
  check(api, ort::get_tensor_mutable_data(api, const_cast<ort::Value*>(value), &data));
  tensor.data = data;
  return tensor;
}

}  // namespace

Shape::Shape(std::initializer_list<int64_t> extents) {
  std::copy(extents.begin(), extents.end(), resize(extents.size()));
}

int64_t* Shape::resize(size_t rank) {
  if (rank > kMostDimensions) {
    throw KernelError("a tensor has " + std::to_string(rank) + " dimensions, 8 are the most");
  }
  rank_ = rank;
  return extents_.data();
}

int64_t Shape::elements() const {
  int64_t product = 1;
  for (size_t axis = 0; axis < rank_; ++axis) product *= extents_[axis];
  return product;
}

void Shape::check_extents(const char* name) const {
  constexpr int64_t kMostElements = int64_t{1} << 42;
  int64_t product = 1;
  for (size_t axis = 0; axis < rank_; ++axis) {
    const int64_t extent = std::max<int64_t>(extents_[axis], 1);
    if (extent > kMostElements / product) {
      throw KernelError(std::string(name) + " of shape " + text() + " is too large");
    }
    product *= extent;
  }
}

std::string Shape::text() const {
  std::string text = "[";
  for (size_t axis = 0; axis < rank_; ++axis) {
    if (axis > 0) text += ",";
    text += std::to_string(extents_[axis]);
  }
  return text + "]";
}

bool Shape::operator==(const Shape& other) const {
  return rank_ == other.rank_ &&
         std::equal(extents_.begin(), extents_.begin() + rank_, other.extents_.begin());
}

std::string Node::name() const {
  size_t size = 0;
  // The first call tells the size, by an error that asks for it.
  if (ort::Status* status = ort::get_node_name(api_, info_, static_cast<char*>(nullptr), &size)) {
    ort::release_status(api_, status);
  }
  std::string name(size, '\0');
  if (size == 0) return name;
  check(api_, ort::get_node_name(api_, info_, name.data(), &size));
  name.resize(size - 1);
  return name;
}

int64_t Node::integer(const char* attribute) const {
  int64_t value = 0;
  check(api_, ort::get_attribute_int(api_, info_, attribute, &value));
  return value;
}

int64_t Node::integer(const char* attribute, int64_t otherwise) const {
  int64_t value = 0;
  if (ort::Status* status = ort::get_attribute_int(api_, info_, attribute, &value)) {
    ort::release_status(api_, status);
    return otherwise;
  }
  return value;
}

float Node::real(const char* attribute) const {
  float value = 0;
  check(api_, ort::get_attribute_float(api_, info_, attribute, &value));
  return value;
}

std::vector<int64_t> Node::integers(const char* attribute) const {
  size_t count = 0;
  check(api_, ort::get_attribute_ints(api_, info_, attribute, static_cast<int64_t*>(nullptr),
                                      &count));
  std::vector<int64_t> values(count);
  check(api_, ort::get_attribute_ints(api_, info_, attribute, values.data(), &count));
  return values;
}

std::string Node::text(const char* attribute) const {
  size_t size = 0;
  if (ort::Status* status = ort::get_attribute_string(api_, info_, attribute,
                                                      static_cast<char*>(nullptr), &size)) {
    ort::release_status(api_, status);
    return {};
  }
  std::string value(size, '\0');
  check(api_, ort::get_attribute_string(api_, info_, attribute, value.data(), &size));
  value.resize(size > 0 ? size - 1 : 0);
  return value;
}

std::optional<Tensor> Node::constant(size_t input) const {
  int is_constant = 0;
  const ort::Value* value = nullptr;
  check(api_, ort::get_constant_input(api_, info_, input, &is_constant, &value));
  if (is_constant == 0) return std::nullopt;
  return view(api_, value);
}

Tensor Call::input(size_t index) const {
  const ort::Value* value = nullptr;
  check(api_, ort::get_input(api_, context_, index, &value));
  if (value == nullptr) throw KernelError("input " + std::to_string(index) + " is missing");
  return view(api_, value);
}

void* Call::output(size_t index, const Shape& shape) const {
  ort::Value* value = nullptr;
  check(api_, ort::get_output(api_, context_, index, shape.data(), shape.rank(), &value));
  void* data = nullptr;
  check(api_, ort::get_tensor_mutable_data(api_, value, &data));
  return data;
}

void Call::run(Stages& stages) const {
  const size_t threads = std::min(stages.most_items(), kMostThreads);
  if (threads == 1) {
    stages.take_part();
  } else if (threads > 1) {
    const auto take_part = [](void* all, size_t) { static_cast<Stages*>(all)->take_part(); };
    check(api_, ort::parallel_for(api_, context_, take_part, threads, threads, &stages));
  }
  stages.finish();
}

}  // namespace jpegcompile
