// The functions of ONNX Runtime's interface, implemented with the stand-in's objects.
#include <algorithm>
#include <cstring>
#include <type_traits>

#include "stand_in_objects.h"

namespace jpegcompile::stand_in {
namespace {

using namespace ort;

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

// Copies a result to a buffer of `size` elements; without a buffer, only returns the size.
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
    // Floats are NaN until they are written.
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

// A function of the interface in the form that the library calls.
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

// Work of the library that runs in a thread of a pool.
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
  count_alive(1);
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
    *stream = reinterpret_cast<void*>(stream_in_use());
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
        // ONNX Runtime accesses the stream without checking that there is one.
        if (stream_in_use() == 0) throw std::logic_error("there is no stream");
        return take_scratch(context->scratch, bytes, memory);
      });
  // Releases the memory even if the call must fail.
  put(api, ort::free, [](Allocator* allocator, void* memory) -> Status* {
    if (allocator->held.erase(memory) == 0) return failure("no such memory");
    count_alive(-1);
    return planned_failure();
  });
  put(api, release_allocator, release<Allocator>);
}

}  // namespace

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

}  // namespace jpegcompile::stand_in
