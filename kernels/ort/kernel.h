// What a kernel sees of its runtime: attributes and weights once, tensors at every call.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tiles/tensor.h"
#include "work/workers.h"

namespace jpegcompile {
namespace ort {
struct Api;
struct KernelContext;
struct KernelInfo;
}  // namespace ort

// A node at session creation.
class Node {
 public:
  Node(const ort::Api& api, const ort::KernelInfo* info) : api_(api), info_(info) {}

  std::string name() const;
  int64_t integer(const char* attribute) const;
  // `otherwise` where the node has no such attribute, or one of another type: ONNX Runtime does not
  // tell these apart.
  int64_t integer(const char* attribute, int64_t otherwise) const;
  // An attribute that is a block size: 8, 4, 2 or 1. Throws KernelError for others.
  int block(const char* attribute) const;
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
class Call : public Workers {
 public:
  Call(const ort::Api& api, ort::KernelContext* context, Team& team)
      : Workers(team), api_(api), context_(context) {}

  Tensor input(size_t index) const;
  // Memory of an output of that shape.
  void* output(size_t index, const Shape& shape) const;
  float* output_floats(size_t index, const Shape& shape) const {
    return static_cast<float*>(output(index, shape));
  }

 private:
  void run(Stages& stages) const override;

  const ort::Api& api_;
  ort::KernelContext* context_;
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
  std::vector<ElementType> inputs;
  std::unique_ptr<Kernel> (*make)(const Node& node);
  std::vector<ElementType> outputs = {ElementType::kFloat};
};

template <typename T>
std::unique_ptr<Kernel> make_kernel(const Node& node) {
  return std::make_unique<T>(node);
}

}  // namespace jpegcompile
