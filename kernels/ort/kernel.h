// What a kernel sees of ONNX Runtime: attributes and weights at session creation, tensors at every
// call.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ort/definition.h"
#include "tiles/tensor.h"
#include "work/workers.h"

namespace jpegcompile {
namespace ort {
struct Api;
struct KernelContext;
struct KernelInfo;
}  // namespace ort
namespace cuda {
class Runtime;
}  // namespace cuda

// A node at session creation.
class Node {
 public:
  // `runtime` is for CUDA kernels; null on the CPU.
  Node(const ort::Api& api, const ort::KernelInfo* info, const Definition& definition,
       const cuda::Runtime* runtime)
      : api_(api), info_(info), definition_(definition), runtime_(runtime) {}

  std::string name() const;
  const Definition& definition() const { return definition_; }
  // The CUDA runtime of the kernel. Only for CUDA kernels.
  const cuda::Runtime& runtime() const { return *runtime_; }
  // Whether the operator has such an input, output or attribute.
  bool has(In input) const { return definition_.has(input); }
  bool has(Out output) const { return definition_.has(output); }
  bool has(const char* attribute) const { return definition_.attribute(attribute) != nullptr; }

  // Return the value of an attribute. If the node lacks the attribute or has it with another type,
  // which ONNX Runtime does not distinguish, the default of the definition applies. Throw
  // KernelError if there is no default.
  int64_t integer(const char* attribute) const;
  float real(const char* attribute) const;
  std::vector<int64_t> integers(const char* attribute) const;
  // Empty if neither the node nor the definition has the attribute.
  std::string text(const char* attribute) const;
  // Returns a block size: 8, 4, 2 or 1. Without such an attribute the operator has pixels: 1.
  // Throws KernelError for other values.
  int block(const char* attribute) const;
  // Layout of a map: the number of consecutive channels, 1 or 16, and the number of frequencies
  // that its tiles store, 0 for all. The default is NCHW with all frequencies.
  int64_t group(In map) const { return layout(name_of(map), "_group", 1); }
  int64_t group(Out map) const { return layout(name_of(map), "_group", 1); }
  int64_t frequencies(In map) const { return layout(name_of(map), "_frequencies", 0); }
  int64_t frequencies(Out map) const { return layout(name_of(map), "_frequencies", 0); }

  // Returns an input whose value is in the model; nothing if the input is computed.
  std::optional<Tensor> constant(In input) const;

 private:
  std::optional<int64_t> given(const char* attribute) const;
  int64_t layout(const char* map, const char* attribute, int64_t otherwise) const;

  const ort::Api& api_;
  const ort::KernelInfo* info_;
  const Definition& definition_;
  const cuda::Runtime* runtime_;
};

// One call of a kernel.
class Call : public Workers {
 public:
  Call(const ort::Api& api, ort::KernelContext* context, Team& team, const Definition& definition)
      : Workers(team), api_(api), context_(context), definition_(definition) {}

  Tensor input(In name) const;
  // Returns the memory of an output of this shape.
  void* output(Out name, const Shape& shape) const;
  float* output_floats(Out name, const Shape& shape) const {
    return static_cast<float*>(output(name, shape));
  }

 private:
  void run(Stages& stages) const override;

  const ort::Api& api_;
  ort::KernelContext* context_;
  const Definition& definition_;
};

// The kernel of a node, with what it prepared at session creation. Several threads may call
// `compute` at once.
class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual void compute(const Call& call) const = 0;
};

}  // namespace jpegcompile
