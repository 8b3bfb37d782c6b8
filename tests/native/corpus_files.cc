#include "corpus_files.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <span>
#include <stdexcept>
#include <vector>

namespace jpegcompile {

Value bytes_of_file(const std::string& name) {
  const std::string path = std::string(JPEGCOMPILE_CORPUS) + "/" + name + ".jpg";
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> content{std::istreambuf_iterator<char>(file), {}};
  if (content.empty()) throw std::runtime_error(path + ": cannot read");
  Value value(stand_in::ElementType::kUint8, {static_cast<int64_t>(content.size())});
  std::ranges::copy(content, value.as<char>());
  return value;
}

Image image_in(const Value& bytes) {
  return read_coefficients(std::span(bytes.as<const unsigned char>(), bytes.elements),
                           ReadOptions{false, uint64_t{1} << 20});
}

Value plane_of(const Image& image, size_t first, size_t last) {
  const auto size = [](size_t count) { return static_cast<int64_t>(count); };
  const Component& one = image.components.at(first);
  Value value(stand_in::ElementType::kInt16, {1, size(last - first), size(one.block_rows),
                                    size(one.block_columns), 8, 8});
  const size_t each = one.block_rows * one.block_columns * block_coefficients;
  for (size_t index = first; index < last; ++index) {
    std::copy_n(image.components.at(index).coefficients.get(), each,
                value.as<int16_t>() + (index - first) * each);
  }
  return value;
}

Value tables_of(const Image& image, size_t count) {
  Value value(stand_in::ElementType::kUint16, {1, static_cast<int64_t>(count), 8, 8});
  for (size_t index = 0; index < count; ++index) {
    std::ranges::copy(image.components.at(index).quantization,
                      value.as<uint16_t>() + index * block_coefficients);
  }
  return value;
}

}  // namespace jpegcompile
