// Tensors that kernels work on, and the error that kernels throw.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>

namespace jpegcompile {

// Element types, with their numbers in ONNX.
enum class ElementType : int {
  kFloat = 1,
  kUint8 = 2,
  kUint16 = 4,
  kInt16 = 5,
  kInt64 = 7,
};

// An error whose text reaches the user, after the node's name and operator.
class KernelError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Extents of a tensor. Does not allocate, because shapes are created at every call.
class Shape {
 public:
  static constexpr size_t kMaxDimensions = 8;

  Shape() = default;
  Shape(std::initializer_list<int64_t> extents);

  size_t rank() const { return rank_; }
  int64_t operator[](size_t axis) const { return extents_[axis]; }
  int64_t elements() const;
  // Throws KernelError if the product of the extents, each counted as at least 1, exceeds any
  // memory. Sizes that kernels compute from checked shapes fit into 64 bits.
  void check_extents(const char* name) const;
  const int64_t* data() const { return extents_.data(); }
  int64_t* resize(size_t rank);
  std::string text() const;
  bool operator==(const Shape& other) const;

 private:
  std::array<int64_t, kMaxDimensions> extents_{};
  size_t rank_ = 0;
};

// A read-only tensor that does not own its data.
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
