#include "ort/kernel.h"
#include "ort/values.h"

namespace jpegcompile {

std::string Node::name() const {
  size_t size = 0;
  // The first call fails, but returns the size.
  if (ort::Status* status = ort::get_node_name(api_, info_, static_cast<char*>(nullptr), &size)) {
    ort::release_status(api_, status);
  }
  std::string name(size, '\0');
  if (size == 0) return name;
  ort::check(api_, ort::get_node_name(api_, info_, name.data(), &size));
  name.resize(size - 1);
  return name;
}

std::optional<int64_t> Node::given(const char* attribute) const {
  int64_t value = 0;
  if (ort::Status* status = ort::get_attribute_int(api_, info_, attribute, &value)) {
    ort::release_status(api_, status);
    return std::nullopt;
  }
  return value;
}

int64_t Node::integer(const char* attribute) const {
  const Definition::Attribute* defined = definition_.attribute(attribute);
  if (defined != nullptr && defined->has_default) {
    return given(attribute).value_or(defined->integer);
  }
  int64_t value = 0;
  ort::check(api_, ort::get_attribute_int(api_, info_, attribute, &value));
  return value;
}

int64_t Node::layout(const char* map, const char* attribute, int64_t otherwise) const {
  return given((std::string(map) + attribute).c_str()).value_or(otherwise);
}

int Node::block(const char* attribute) const {
  if (!has(attribute)) return 1;
  const int64_t block = integer(attribute);
  if (block != 8 && block != 4 && block != 2 && block != 1) {
    throw KernelError("attribute " + std::string(attribute) + " is " + std::to_string(block) +
                      "; block sizes are 8, 4, 2 and 1");
  }
  return static_cast<int>(block);
}

float Node::real(const char* attribute) const {
  float value = 0;
  ort::Status* status = ort::get_attribute_float(api_, info_, attribute, &value);
  const Definition::Attribute* defined = definition_.attribute(attribute);
  if (status != nullptr && defined != nullptr && defined->has_default) {
    ort::release_status(api_, status);
    return defined->real;
  }
  ort::check(api_, status);
  return value;
}

std::vector<int64_t> Node::integers(const char* attribute) const {
  size_t count = 0;
  ort::check(api_, ort::get_attribute_ints(api_, info_, attribute, static_cast<int64_t*>(nullptr),
                                      &count));
  std::vector<int64_t> values(count);
  ort::check(api_, ort::get_attribute_ints(api_, info_, attribute, values.data(), &count));
  return values;
}

std::string Node::text(const char* attribute) const {
  size_t size = 0;
  if (ort::Status* status = ort::get_attribute_string(api_, info_, attribute,
                                                      static_cast<char*>(nullptr), &size)) {
    ort::release_status(api_, status);
    const Definition::Attribute* defined = definition_.attribute(attribute);
    return defined == nullptr ? "" : defined->text;
  }
  std::string value(size, '\0');
  ort::check(api_, ort::get_attribute_string(api_, info_, attribute, value.data(), &size));
  value.resize(size > 0 ? size - 1 : 0);
  return value;
}

std::optional<Tensor> Node::constant(In input) const {
  int is_constant = 0;
  const ort::Value* value = nullptr;
  const size_t index = definition_.index(input);
  ort::check(api_, ort::get_constant_input(api_, info_, index, &is_constant, &value));
  if (is_constant == 0) return std::nullopt;
  return ort::view(api_, value);
}

}  // namespace jpegcompile
