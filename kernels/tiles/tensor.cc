#include "tiles/tensor.h"

#include <algorithm>

namespace jpegcompile {

Shape::Shape(std::initializer_list<int64_t> extents) {
  std::copy(extents.begin(), extents.end(), resize(extents.size()));
}

int64_t* Shape::resize(size_t rank) {
  if (rank > kMaxDimensions) {
    throw KernelError("a tensor has " + std::to_string(rank) +
                      " dimensions; at most 8 are supported");
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
  constexpr int64_t kMaxElements = int64_t{1} << 42;
  int64_t product = 1;
  for (size_t axis = 0; axis < rank_; ++axis) {
    const int64_t extent = std::max<int64_t>(extents_[axis], 1);
    if (extent > kMaxElements / product) {
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

}  // namespace jpegcompile
