// What a kernel sees of ONNX Runtime: attributes and weights once, tensors at every call.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "ort_abi.h"
#include "stages.h"

namespace jpegcompile {

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

// A read-only tensor that ONNX Runtime owns.
struct Tensor {
  Shape shape;
  ort::ElementType type = ort::ElementType::kFloat;
  const void* data = nullptr;

  template <typename T>
  const T* as() const {
    return static_cast<const T*>(data);
  }
  const float* floats() const { return as<float>(); }
};

// A node at session creation.
class Node {
 public:
  Node(const ort::Api& api, const ort::KernelInfo* info) : api_(api), info_(info) {}

  std::string name() const;
  int64_t integer(const char* attribute) const;
  // `otherwise` where the node has no such attribute, or one of another type: ONNX Runtime does not
  // tell these apart.
  int64_t integer(const char* attribute, int64_t otherwise) const;
  float real(const char* attribute) const;
  std::vector<int64_t> integers(const char* attribute) const;
  // Empty where the node has no such attribute, or one of another type.
  std::string text(const char* attribute) const;
  // An input whose value is in the model; nothing if it is computed.
  std::optional<Tensor> constant(size_t input) const;

 private:
  const ort::Api& api_;
  const ort::KernelInfo* info_;
};

// One call of a kernel.
class Call {
 public:
  Call(const ort::Api& api, ort::KernelContext* context, Team& team)
      : api_(api), context_(context), team_(team) {}

  Tensor input(size_t index) const;
  // Memory of an output of that shape.
  void* output(size_t index, const Shape& shape) const;
  float* output_floats(size_t index, const Shape& shape) const {
    return static_cast<float*>(output(index, shape));
  }

  // Threads that have been seen to take part in the node.
  int64_t threads() const { return static_cast<int64_t>(team_.size()); }
  // Tasks that keep these threads busy although some finish before others; no fewer than `least`,
  // which should be several, since no more threads than tasks can be seen.
  int64_t wanted_tasks(int64_t least) const { return std::max(least, 2 * threads()); }

  // Calls work(i) for i in [0, count) on the threads of the session, each i once, in any order.
  template <typename Work>
  void parallel(size_t count, const Work& work) const {
    in_turn(Stage{count, work});
  }

  // Stages one after the other: none begins before the one in front of it has ended.
  template <typename... Works>
  void in_turn(const Stage<Works>&... stages) const {
    Stages all(team_, stages...);
    run(all);
  }

 private:
  void run(Stages& stages) const;

  const ort::Api& api_;
  ort::KernelContext* context_;
  Team& team_;
};

// An operator of a node, with what it prepared at session creation. Several threads may call
// `compute` at once.
class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual void compute(const Call& call) const = 0;
};

// An operator of the library.
struct Operator {
  std::string name;
  std::vector<ort::ElementType> inputs;
  std::unique_ptr<Kernel> (*make)(const Node& node);
  std::vector<ort::ElementType> outputs = {ort::ElementType::kFloat};
};

template <typename T>
std::unique_ptr<Kernel> make_kernel(const Node& node) {
  return std::make_unique<T>(node);
}

}  // namespace jpegcompile
