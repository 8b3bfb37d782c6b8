// What kernels work on: tensors, and what is wrong with them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>

namespace jpegcompile {

// Types of elements, by their numbers in ONNX.
enum class ElementType : int {
  kFloat = 1,
  kUint8 = 2,
  kUint16 = 4,
  kInt16 = 5,
  kInt64 = 7,
};

// A cause that reaches the user; the node's name and operator are put before it.
class KernelError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Extents of a tensor; without allocation, since it is made at every call.
class Shape {
 public:
  static constexpr size_t kMostDimensions = 8;

  Shape() = default;
  Shape(std::initializer_list<int64_t> extents);

  size_t rank() const { return rank_; }
  int64_t operator[](size_t axis) const { return extents_[axis]; }
  int64_t elements() const;
  // Throws KernelError for extents whose product, even where one of them is 0, is far beyond any
  // memory: what kernels compute from others stays within 64 bits.
  void check_extents(const char* name) const;
  const int64_t* data() const { return extents_.data(); }
  int64_t* resize(size_t rank);
  std::string text() const;
  bool operator==(const Shape& other) const;

 private:
  std::array<int64_t, kMostDimensions> extents_{};
  size_t rank_ = 0;
};

// A read-only tensor that somebody else owns.
struct Tensor {
  Shape shape;
  ElementType type = ElementType::kFloat;
  const void* data = nullptr;

  template <typename T>
  const T* as() const {
    return static_cast<const T*>(data);
  }
  const float* floats() const { return as<float>(); }
};

}  // namespace jpegcompile
