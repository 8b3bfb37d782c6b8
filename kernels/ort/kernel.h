// What a kernel sees of its runtime: attributes and weights once, tensors at every call.
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
  // `runtime` is that of a kernel for CUDA, null for the CPU.
  Node(const ort::Api& api, const ort::KernelInfo* info, const Definition& definition,
       const cuda::Runtime* runtime)
      : api_(api), info_(info), definition_(definition), runtime_(runtime) {}

  std::string name() const;
  const Definition& definition() const { return definition_; }
  // By which its kernel will run; only for kernels for CUDA.
  const cuda::Runtime& runtime() const { return *runtime_; }
  // Whether its operator has such an input, output or attribute.
  bool has(In input) const { return definition_.has(input); }
  bool has(Out output) const { return definition_.has(output); }
  bool has(const char* attribute) const { return definition_.attribute(attribute) != nullptr; }

  // Where the node lacks an attribute, or has one of another type, which ONNX Runtime does not tell
  // apart, it is what the definition says. Throws KernelError if that says nothing.
  int64_t integer(const char* attribute) const;
  float real(const char* attribute) const;
  std::vector<int64_t> integers(const char* attribute) const;
  // Empty where neither the node nor the definition has it.
  std::string text(const char* attribute) const;
  // A block size: 8, 4, 2 or 1; 1, that of pixels, where the operator has no such attribute. Throws
  // KernelError for others.
  int block(const char* attribute) const;
  // How a map stands in memory: channels side by side, 1 or 16, and which frequencies its tiles have
  // places for, 0 for all. NCHW with all of them where the node does not say.
  int64_t group(In map) const { return layout(name_of(map), "_group", 1); }
  int64_t group(Out map) const { return layout(name_of(map), "_group", 1); }
  int64_t frequencies(In map) const { return layout(name_of(map), "_frequencies", 0); }
  int64_t frequencies(Out map) const { return layout(name_of(map), "_frequencies", 0); }

  // An input whose value is in the model; nothing if it is computed.
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
  // Memory of an output of that shape.
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

// An operator of a node, with what it prepared at session creation. Several threads may call
// `compute` at once.
class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual void compute(const Call& call) const = 0;
};

}  // namespace jpegcompile
