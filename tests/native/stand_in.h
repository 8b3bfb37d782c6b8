// A small stand-in for ONNX Runtime: the part of its C interface that the library calls, so that a
// program without ONNX Runtime can register the operators and run them.
//
// It promises what ONNX Runtime does and no more: data are aligned to their element type, those of
// an empty tensor are null, and what is left of an output is noise.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "ort/abi.h"
#include "pool.h"
#include "tiles/tensor.h"

namespace jpegcompile::ort {

// A tensor. Its memory ends with its last element.
struct Value {
  Value() : Value(ElementType::kFloat, {0}) {}
  Value(ElementType type, std::vector<int64_t> shape);
  Value(const Value& other);
  Value(Value&&) = default;
  Value& operator=(Value&&) = default;
  Value& operator=(const Value& other) { return *this = Value(other); }

  template <typename T>
  T* as() const {
    return static_cast<T*>(data);
  }
  size_t bytes() const;

  ElementType type;
  std::vector<int64_t> shape;
  size_t elements = 0;
  std::unique_ptr<std::byte[]> memory;
  void* data = nullptr;
};

}  // namespace jpegcompile::ort

// The entry point of the library.
extern "C" jpegcompile::ort::Status* RegisterCustomOps(jpegcompile::ort::SessionOptions* options,
                                                       const jpegcompile::ort::ApiBase* base);

namespace jpegcompile::stand_in {

using jpegcompile::ElementType;
using ort::Value;
using Attribute = std::variant<int64_t, float, std::string, std::vector<int64_t>>;
using Attributes = std::map<std::string, Attribute>;

// A status that the library returned, with the status's message.
class Refused : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The interface at this version; `GetApi` returns null for a later version.
const ort::ApiBase* base_of(uint32_t version);

// Makes the n-th following call of the interface by this thread fail; 0: none. Returns how many
// calls were left until the previously planned failure.
int64_t fail_call(int64_t n);

// Statuses, shapes and domains that have not been released.
int64_t objects_alive();

// Whether this thread is in a function of the library, and not in a function of the interface
// called by it.
bool is_in_library();

// Registers the library's operators for a session with these configuration entries. Throws Refused.
std::vector<const ort::CustomOp*> registered(
    const ort::ApiBase* base, const std::map<std::string, std::string>& entries = {});

// A node at session creation. Inputs that are not null are constants.
struct Node {
  std::string name;
  Attributes attributes;
  std::vector<const Value*> constants;
};

// Device memory that the last `run` of this thread provided: inputs, outputs, scratch memory.
struct DeviceMemory {
  std::string name;  // "input 0"
  uintptr_t address;
  size_t bytes;
};
const std::vector<DeviceMemory>& device_memory();

// Whether an operator's kernels run on a device.
bool is_on_device(const ort::CustomOp& op);
// The default stream of kernels; 0 is CUDA's default stream.
inline constexpr uintptr_t kStream = 0x5000;
void use_stream(uintptr_t stream);

// A kernel of a node. Throws Refused if the library returns a status.
class Kernel {
 public:
  Kernel(const ort::CustomOp& op, const Node& node);
  ~Kernel();
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;

  // Returns every output. Throws std::logic_error if inputs have other types than the operator's,
  // or if an output is missing. For device kernels, outputs have only shapes, and tensors and
  // scratch memory have addresses that cannot be accessed.
  std::vector<Value> run(const std::vector<const Value*>& inputs, Pool& pool) const;

 private:
  const ort::CustomOp& op_;
  void* kernel_ = nullptr;
};

}  // namespace jpegcompile::stand_in
