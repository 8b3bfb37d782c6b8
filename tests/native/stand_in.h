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

// A tensor. Its memory ends where its last element does.
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

// What the library registers by.
extern "C" jpegcompile::ort::Status* RegisterCustomOps(jpegcompile::ort::SessionOptions* options,
                                                       const jpegcompile::ort::ApiBase* base);

namespace jpegcompile::stand_in {

using jpegcompile::ElementType;
using ort::Value;
using Attribute = std::variant<int64_t, float, std::string, std::vector<int64_t>>;
using Attributes = std::map<std::string, Attribute>;

// A status that the library returned; the message is the status's.
class Refused : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The version of the interface that is there: `GetApi` gives null for a later one.
const ort::ApiBase* base_of(uint32_t version);

// The n-th call of the interface by this thread from now on fails; 0: none does. Returns how many
// calls were left until the failure that was planned before.
int64_t fail_call(int64_t n);

// Statuses, shapes and domains that are not released yet.
int64_t objects_alive();

// Whether this thread is in a function of the library, and in none of the interface below it.
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

// Memory of the device that the last `run` of this thread handed out: inputs, outputs, scratch.
struct DeviceMemory {
  std::string name;  // "input 0"
  uintptr_t address;
  size_t bytes;
};
const std::vector<DeviceMemory>& device_memory();

// Whether an operator's kernels run on a device.
bool is_on_device(const ort::CustomOp& op);
// The stream that they are given, until this thread says otherwise; 0 is the default stream.
inline constexpr uintptr_t kStream = 0x5000;
void use_stream(uintptr_t stream);

// A kernel of a node. Throws Refused where the library returns a status.
class Kernel {
 public:
  Kernel(const ort::CustomOp& op, const Node& node);
  ~Kernel();
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;

  // Every output. Throws std::logic_error if inputs are not of the types that it takes, or one of
  // the outputs is not made. Of a kernel for a device, outputs have shapes alone: its tensors and
  // scratch memory are at addresses that nobody can read or write.
  std::vector<Value> run(const std::vector<const Value*>& inputs, Pool& pool) const;

 private:
  const ort::CustomOp& op_;
  void* kernel_ = nullptr;
};

}  // namespace jpegcompile::stand_in
