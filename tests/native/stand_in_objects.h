// Stand-ins for the objects of ONNX Runtime, and the state of a thread.
#pragma once

#include <set>
#include <utility>

#include "stand_in.h"

namespace jpegcompile::ort {

struct Status {
  int code;
  std::string message;
};
struct CustomOpDomain {
  std::string name;
  std::vector<const CustomOp*> ops;
};
struct SessionOptions {
  std::map<std::string, std::string> entries;
  std::vector<CustomOpDomain*> domains;
};
struct KernelInfo {
  const stand_in::Node& node;
};
struct KernelContext {
  const CustomOp& op;
  const std::vector<const Value*>& inputs;
  std::vector<std::unique_ptr<Value>> outputs;
  stand_in::Pool& pool;
  mutable std::set<void*> scratch;
};
struct TensorTypeAndShapeInfo {
  ElementType type;
  std::vector<int64_t> shape;
};
struct MemoryInfo {
  std::string name;
};
struct Allocator {
  std::set<void*>& held;
};

}  // namespace jpegcompile::ort

namespace jpegcompile::stand_in {

// Sets whether this thread is in the library; returns the previous value.
bool set_in_library(bool is_in);

// Marks this thread as inside or outside the library for the lifetime of this object.
class Passage {
 public:
  explicit Passage(bool enters) : was_in_(set_in_library(enters)) {}
  ~Passage() { set_in_library(was_in_); }
  Passage(const Passage&) = delete;
  Passage& operator=(const Passage&) = delete;

 private:
  bool was_in_;
};

// Counts objects that are created or released.
void count_alive(int64_t change);

template <typename T, typename... Arguments>
T* make(Arguments&&... arguments) {
  count_alive(1);
  return std::make_unique<T>(T{std::forward<Arguments>(arguments)...}).release();
}

template <typename T>
void release(T* object) {
  if (object == nullptr) return;
  count_alive(-1);
  std::unique_ptr<T>(object).reset();
}

ort::Status* failure(const std::string& message);
// Every function of the interface calls this first. Returns the planned failure, if it is due.
ort::Status* planned_failure();

// Device memory for the current run of this thread. Addresses are after those of the stand-in
// driver, and not mapped by the process. `begin_run` forgets earlier memory.
void begin_run();
void* place_on_device(const std::string& name, size_t bytes);
// A device tensor: type, shape and address.
Value on_device(const std::string& name, ElementType type, std::vector<int64_t> shape);
uintptr_t stream_in_use();

// The functions of the interface.
const ort::Api& table();

}  // namespace jpegcompile::stand_in
