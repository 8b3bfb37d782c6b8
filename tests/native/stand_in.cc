#include "stand_in.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <string_view>
#include <type_traits>
#include <utility>

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

namespace {

size_t size_of(ElementType type) {
  switch (type) {
    case ElementType::kUint8:
      return 1;
    case ElementType::kUint16:
    case ElementType::kInt16:
      return 2;
    case ElementType::kInt64:
      return 8;
    default:
      return 4;
  }
}

size_t count_of(const std::vector<int64_t>& shape) {
  if (std::ranges::count(shape, 0) > 0) return 0;
  size_t count = 1;
  for (const int64_t extent : shape) {
    if (extent < 0 || __builtin_mul_overflow(count, static_cast<size_t>(extent), &count)) {
      throw std::bad_alloc();
    }
  }
  return count;
}

}  // namespace

// Memory of 64-bit words, a word and an element in front: so no vector is aligned by chance.
Value::Value(ElementType element, std::vector<int64_t> extents)
    : type(element), shape(std::move(extents)), elements(count_of(shape)) {
  // As much as a hostile shape may ask for.
  if (elements > size_t{1} << 26) throw std::bad_alloc();
  if (elements == 0) return;
  const size_t offset = 16 + size_of(type);
  memory = std::make_unique<std::byte[]>(offset + bytes());
  data = memory.get() + offset;
}

Value::Value(const Value& other) : Value(other.type, other.shape) {
  if (elements > 0) std::memcpy(data, other.data, bytes());
}

size_t Value::bytes() const { return elements * size_of(type); }

}  // namespace jpegcompile::ort

namespace jpegcompile::stand_in {
namespace {

using namespace ort;

std::atomic<int64_t> alive{0};
thread_local int64_t calls_until_failure = 0;
thread_local bool in_library = false;

// This thread enters or leaves the library for as long as this lives.
class Passage {
 public:
  explicit Passage(bool enters) : was_in_(std::exchange(in_library, enters)) {}
  ~Passage() { in_library = was_in_; }
  Passage(const Passage&) = delete;
  Passage& operator=(const Passage&) = delete;

 private:
  bool was_in_;
};

template <typename T, typename... Arguments>
T* make(Arguments&&... arguments) {
  alive.fetch_add(1, std::memory_order_relaxed);
  return std::make_unique<T>(T{std::forward<Arguments>(arguments)...}).release();
}

template <typename T>
void release(T* object) {
  if (object == nullptr) return;
  alive.fetch_sub(1, std::memory_order_relaxed);
  std::unique_ptr<T>(object).reset();
}

Status* failure(const std::string& message) { return make<Status>(kFail, message); }

// What every function of the interface does first.
Status* planned_failure() {
  if (calls_until_failure == 0 || --calls_until_failure > 0) return nullptr;
  return failure("planned failure");
}

template <typename T>
Status* copy_attribute(const KernelInfo* info, const char* name, T* to) {
  if (Status* planned = planned_failure()) return planned;
  const auto found = info->node.attributes.find(name);
  if (found == info->node.attributes.end() || !std::holds_alternative<T>(found->second)) {
    return failure("No attribute with this name is defined: " + std::string(name));
  }
  *to = std::get<T>(found->second);
  return nullptr;
}

// Into room for `size` elements; without room the size alone is told.
template <typename T>
Status* copy_out(const T* from, size_t count, T* to, size_t* size) {
  if (to != nullptr && *size < count) return failure("the room is too small");
  if (to != nullptr) std::copy_n(from, count, to);
  *size = count;
  return nullptr;
}

Status* copy_text(const std::string& text, char* to, size_t* size) {
  return copy_out(text.c_str(), text.size() + 1, to, size);
}

thread_local std::vector<DeviceMemory> placed;
thread_local uintptr_t stream_of_thread = kStream;

// Behind those of the driver's stand-in, and no memory of the process either.
void* place_on_device(const std::string& name, size_t bytes) {
  static std::atomic<uintptr_t> next{uintptr_t{1} << 45};
  const uintptr_t address = next.fetch_add((bytes + 511) / 256 * 256);
  placed.push_back({name, address, bytes});
  return reinterpret_cast<void*>(address);
}

// A tensor of the device: type and shape, and where it is.
Value on_device(const std::string& name, ElementType type, std::vector<int64_t> shape) {
  Value made(type, {0});
  made.elements = count_of(shape);
  made.shape = std::move(shape);
  if (made.elements > size_t{1} << 40) throw std::bad_alloc();
  made.data = made.elements == 0 ? nullptr : place_on_device(name, made.bytes());
  return made;
}

Status* get_input(const KernelContext* context, size_t index, const Value** value) {
  if (Status* planned = planned_failure()) return planned;
  if (index >= context->inputs.size()) return failure("there is no such input");
  *value = context->inputs[index];
  return nullptr;
}

Status* get_output(KernelContext* context, size_t index, const int64_t* extents, size_t rank,
                   Value** value) {
  if (Status* planned = planned_failure()) return planned;
  try {
    const int type = context->op.get_output_type(&context->op, index);
    if (is_on_device(context->op)) {
      auto on = std::make_unique<Value>(on_device("output " + std::to_string(index),
                                                  static_cast<ElementType>(type),
                                                  std::vector<int64_t>(extents, extents + rank)));
      *value = on.get();
      context->outputs.at(index) = std::move(on);
      return nullptr;
    }
    auto made = std::make_unique<Value>(static_cast<ElementType>(type),
                                        std::vector<int64_t>(extents, extents + rank));
    // Of floats: not a number, wherever it is not written.
    if (made->elements > 0) std::memset(made->data, 0xFF, made->bytes());
    *value = made.get();
    context->outputs.at(index) = std::move(made);
    return nullptr;
  } catch (const std::exception&) {
    return failure("cannot allocate the output");
  }
}

Status* get_constant(const KernelInfo* info, size_t index, int* is_constant, const Value** value) {
  if (Status* planned = planned_failure()) return planned;
  const auto& constants = info->node.constants;
  *value = index < constants.size() ? constants[index] : nullptr;
  *is_constant = *value != nullptr;
  return nullptr;
}

Status* add_domain(SessionOptions* options, CustomOpDomain* domain) {
  if (Status* planned = planned_failure()) return planned;
  options->domains.push_back(domain);
  return nullptr;
}

// A function of the interface, as the library calls it.
template <size_t Index, typename Signature>
struct Entry;
template <size_t Index, typename Result, typename... Arguments>
struct Entry<Index, Result(Arguments...)> {
  static inline Result (*function)(Arguments...) = nullptr;

  static Result call(Arguments... arguments) {
    const Passage leaves(false);
    return function(arguments...);
  }
};

template <size_t Index, typename Signature>
void put(Api& api, Slot<Index, Signature>, std::type_identity_t<Signature>* function) {
  Entry<Index, Signature>::function = function;
  api.functions[Index] = reinterpret_cast<Function>(&Entry<Index, Signature>::call);
}

// Work of the library in a thread of a pool.
struct Work {
  void (*work)(void*, size_t);
  void* user;

  static void run(void* self, size_t index) {
    const Passage enters(true);
    const auto& [work, user] = *static_cast<const Work*>(self);
    work(user, index);
  }
};

void put_registration(Api& api) {
  put(api, has_config_entry,
      [](const SessionOptions* options, const char* key, int* is_there) -> Status* {
        if (Status* planned = planned_failure()) return planned;
        *is_there = options->entries.contains(key) ? 1 : 0;
        return nullptr;
      });
  put(api, get_config_entry,
      [](const SessionOptions* options, const char* key, char* value, size_t* size) -> Status* {
        if (Status* planned = planned_failure()) return planned;
        const std::string& found = options->entries.at(key);
        const size_t given = std::exchange(*size, found.size() + 1);
        if (value == nullptr) return nullptr;
        if (given < *size) return failure("Result buffer is not large enough");
        std::ranges::copy_n(found.c_str(), static_cast<std::ptrdiff_t>(*size), value);
        return nullptr;
      });
  put(api, create_custom_op_domain, [](const char* name, CustomOpDomain** domain) -> Status* {
    if (Status* planned = planned_failure()) return planned;
    *domain = make<CustomOpDomain>(name, std::vector<const CustomOp*>{});
    return nullptr;
  });
  put(api, custom_op_domain_add, [](CustomOpDomain* domain, const CustomOp* op) -> Status* {
    if (Status* planned = planned_failure()) return planned;
    domain->ops.push_back(op);
    return nullptr;
  });
  put(api, add_custom_op_domain, add_domain);
  put(api, release_custom_op_domain, release<CustomOpDomain>);
}

void put_tensors(Api& api) {
  put(api, get_tensor_mutable_data, [](Value* value, void** data) -> Status* {
    if (Status* planned = planned_failure()) return planned;
    *data = value->data;
    return nullptr;
  });
  put(api, get_tensor_type_and_shape,
      [](const Value* value, TensorTypeAndShapeInfo** info) -> Status* {
        if (Status* planned = planned_failure()) return planned;
        *info = make<TensorTypeAndShapeInfo>(value->type, value->shape);
        return nullptr;
      });
  put(api, get_tensor_element_type, [](const TensorTypeAndShapeInfo* info, int* type) -> Status* {
    if (Status* planned = planned_failure()) return planned;
    *type = static_cast<int>(info->type);
    return nullptr;
  });
  put(api, get_dimensions_count, [](const TensorTypeAndShapeInfo* info, size_t* rank) -> Status* {
    if (Status* planned = planned_failure()) return planned;
    *rank = info->shape.size();
    return nullptr;
  });
  put(api, get_dimensions,
      [](const TensorTypeAndShapeInfo* info, int64_t* extents, size_t rank) -> Status* {
        if (Status* planned = planned_failure()) return planned;
        std::copy_n(info->shape.begin(), rank, extents);
        return nullptr;
      });
  put(api, release_tensor_type_and_shape, release<TensorTypeAndShapeInfo>);
}

void put_nodes(Api& api) {
  put(api, get_attribute_float, copy_attribute<float>);
  put(api, get_attribute_int, copy_attribute<int64_t>);
  put(api, get_attribute_string,
      [](const KernelInfo* info, const char* name, char* to, size_t* size) -> Status* {
        std::string text;
        if (Status* failed = copy_attribute(info, name, &text)) return failed;
        return copy_text(text, to, size);
      });
  put(api, get_attribute_ints,
      [](const KernelInfo* info, const char* name, int64_t* to, size_t* size) -> Status* {
        std::vector<int64_t> values;
        if (Status* failed = copy_attribute(info, name, &values)) return failed;
        return copy_out(values.data(), values.size(), to, size);
      });
  put(api, get_node_name, [](const KernelInfo* info, char* to, size_t* size) -> Status* {
    if (Status* planned = planned_failure()) return planned;
    return copy_text(info->node.name, to, size);
  });
  put(api, get_constant_input, get_constant);
}

void put_calls(Api& api) {
  put(api, ort::get_input, stand_in::get_input);
  put(api, ort::get_output, stand_in::get_output);
  put(api, parallel_for,
      [](const KernelContext* context, void (*work)(void*, size_t), size_t total, size_t,
         void* user) -> Status* {
        if (Status* planned = planned_failure()) return planned;
        Work entered{work, user};
        context->pool.run(Work::run, total, &entered);
        return nullptr;
      });
}

Status* take_scratch(std::set<void*>& held, size_t bytes, void** memory) {
  *memory = nullptr;
  if (bytes == 0) return nullptr;
  if (bytes > size_t{1} << 40) return failure("Failed to allocate memory");
  *memory = place_on_device("scratch", bytes);
  held.insert(*memory);
  alive.fetch_add(1, std::memory_order_relaxed);
  return nullptr;
}

void put_device(Api& api) {
  put(api, create_memory_info,
      [](const char* name, int, int, int, MemoryInfo** info) -> Status* {
        if (Status* planned = planned_failure()) return planned;
        *info = make<MemoryInfo>(name);
        return nullptr;
      });
  put(api, release_memory_info, release<MemoryInfo>);
  put(api, get_gpu_stream, [](const KernelContext*, void** stream) -> Status* {
    if (Status* planned = planned_failure()) return planned;
    *stream = reinterpret_cast<void*>(stream_of_thread);
    return nullptr;
  });
  put(api, get_allocator,
      [](const KernelContext* context, const MemoryInfo* info, Allocator** allocator) -> Status* {
        if (Status* planned = planned_failure()) return planned;
        const bool is_there = info->name == "Cuda" && is_on_device(context->op);
        if (!is_there) return failure("No requested allocator available");
        *allocator = make<Allocator>(context->scratch);
        return nullptr;
      });
  put(api, allocate, [](Allocator* allocator, size_t bytes, void** memory) -> Status* {
    if (Status* planned = planned_failure()) return planned;
    return take_scratch(allocator->held, bytes, memory);
  });
  put(api, get_scratch_buffer,
      [](const KernelContext* context, const MemoryInfo*, size_t bytes, void** memory) -> Status* {
        if (Status* planned = planned_failure()) return planned;
        // ONNX Runtime looks into the stream without asking whether there is one.
        if (stream_of_thread == 0) throw std::logic_error("there is no stream");
        return take_scratch(context->scratch, bytes, memory);
      });
  // It gives back even where it is to fail.
  put(api, ort::free, [](Allocator* allocator, void* memory) -> Status* {
    if (allocator->held.erase(memory) == 0) return failure("no such memory");
    alive.fetch_sub(1, std::memory_order_relaxed);
    return planned_failure();
  });
  put(api, release_allocator, release<Allocator>);
}

const Api& table() {
  static const Api api = [] {
    Api made{};
    put(made, create_status, [](int code, const char* message) {
      return make<Status>(code, std::string(message));
    });
    put(made, get_error_message, [](const Status* status) { return status->message.c_str(); });
    put(made, release_status, release<Status>);
    put_registration(made);
    put_tensors(made);
    put_nodes(made);
    put_calls(made);
    put_device(made);
    return made;
  }();
  return api;
}

void require(Status* status) {
  if (status == nullptr) return;
  const std::string message = status->message;
  release(status);
  throw Refused(message);
}

}  // namespace

const ApiBase* base_of(uint32_t version) {
  // The functions have no other way to know for which version they are asked.
  static constexpr ApiBase kThis{
      [](uint32_t asked) { return asked <= kApiVersion ? &table() : nullptr; },
      [] { return "1.17.0"; }};
  static constexpr ApiBase kOlder{[](uint32_t) -> const Api* { return nullptr; },
                                  [] { return "1.16.3"; }};
  return version >= kApiVersion ? &kThis : &kOlder;
}

int64_t fail_call(int64_t n) { return std::exchange(calls_until_failure, n); }

int64_t objects_alive() { return alive.load(std::memory_order_relaxed); }

bool is_in_library() { return in_library; }

const std::vector<DeviceMemory>& device_memory() { return placed; }

void use_stream(uintptr_t stream) { stream_of_thread = stream; }

bool is_on_device(const CustomOp& op) {
  return std::string_view(op.get_execution_provider(&op)) == "CUDAExecutionProvider";
}

std::vector<const CustomOp*> registered(const ApiBase* base,
                                        const std::map<std::string, std::string>& entries) {
  SessionOptions options{entries, {}};
  require(RegisterCustomOps(&options, base));
  std::vector<const CustomOp*> ops;
  for (const CustomOpDomain* domain : options.domains) {
    if (domain->name != "jpegcompile") throw std::logic_error("domain " + domain->name);
    ops.insert(ops.end(), domain->ops.begin(), domain->ops.end());
  }
  return ops;
}

Kernel::Kernel(const CustomOp& op, const Node& node) : op_(op) {
  const KernelInfo info{node};
  require([&] {
    const Passage enters(true);
    return op.create_kernel_v2(&op, &table(), &info, &kernel_);
  }());
}

Kernel::~Kernel() { op_.destroy(kernel_); }

std::vector<Value> Kernel::run(const std::vector<const Value*>& inputs, Pool& pool) const {
  bool fits = inputs.size() == op_.get_input_count(&op_);
  for (size_t index = 0; fits && index < inputs.size(); ++index) {
    fits = static_cast<int>(inputs[index]->type) == op_.get_input_type(&op_, index);
  }
  if (!fits) throw std::logic_error(std::string(op_.get_name(&op_)) + " does not take these");
  const bool on_device = is_on_device(op_);
  std::vector<Value> copies;
  std::vector<const Value*> taken = inputs;
  placed.clear();
  copies.reserve(inputs.size());
  for (size_t index = 0; on_device && index < inputs.size(); ++index) {
    if (op_.get_input_memory_type(&op_, index) == kOnHost) continue;
    copies.push_back(stand_in::on_device("input " + std::to_string(index), inputs[index]->type,
                                         inputs[index]->shape));
    taken[index] = &copies.back();
  }
  KernelContext context{op_, taken, {}, pool, {}};
  context.outputs.resize(op_.get_output_count(&op_));
  require([&] {
    const Passage enters(true);
    return op_.compute_v2(kernel_, &context);
  }());
  std::vector<Value> outputs;
  for (const auto& output : context.outputs) {
    if (!output) throw std::logic_error("a kernel did not make an output");
    outputs.push_back(std::move(*output));
  }
  return outputs;
}

}  // namespace jpegcompile::stand_in
