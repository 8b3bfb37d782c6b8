// The part of ONNX Runtime's C interface that custom operators need, declared without its headers.
//
// The interface is a table of functions whose order never changes: a library asks for the lowest
// version that has what it calls and finds each function at its index.
#pragma once

#include <cstddef>
#include <cstdint>

namespace jpegcompile::ort {

struct Status;
struct SessionOptions;
struct CustomOpDomain;
struct KernelInfo;
struct KernelContext;
struct Value;
struct TensorTypeAndShapeInfo;
struct MemoryInfo;
struct Allocator;

// GetScratchBuffer, the newest function used here, came with this version.
inline constexpr uint32_t kApiVersion = 18;
// Version of `CustomOp` as declared below.
inline constexpr uint32_t kCustomOpVersion = 17;

using Function = void (*)();

struct Api {
  Function functions[277];
};

struct ApiBase {
  const Api* (*get_api)(uint32_t version);
  const char* (*get_version)();
};

// One function of the table: its index and its type.
template <size_t Index, typename Signature>
struct Slot {
  template <typename... Arguments>
  auto operator()(const Api& api, Arguments... arguments) const {
    return reinterpret_cast<Signature*>(api.functions[Index])(arguments...);
  }
};

inline constexpr Slot<0, Status*(int code, const char* message)> create_status;
inline constexpr Slot<2, const char*(const Status*)> get_error_message;
inline constexpr Slot<26, Status*(const char* name, CustomOpDomain**)> create_custom_op_domain;
inline constexpr Slot<27, Status*(CustomOpDomain*, const struct CustomOp*)> custom_op_domain_add;
inline constexpr Slot<28, Status*(SessionOptions*, CustomOpDomain*)> add_custom_op_domain;
inline constexpr Slot<51, Status*(Value*, void**)> get_tensor_mutable_data;
inline constexpr Slot<60, Status*(const TensorTypeAndShapeInfo*, int*)> get_tensor_element_type;
inline constexpr Slot<61, Status*(const TensorTypeAndShapeInfo*, size_t*)> get_dimensions_count;
inline constexpr Slot<62, Status*(const TensorTypeAndShapeInfo*, int64_t*, size_t)> get_dimensions;
inline constexpr Slot<65, Status*(const Value*, TensorTypeAndShapeInfo**)>
    get_tensor_type_and_shape;
inline constexpr Slot<68, Status*(const char* name, int allocator, int id, int kind, MemoryInfo**)>
    create_memory_info;
inline constexpr Slot<75, Status*(Allocator*, size_t, void**)> allocate;
inline constexpr Slot<76, Status*(Allocator*, void*)> free;
inline constexpr Slot<85, Status*(const KernelInfo*, const char*, float*)> get_attribute_float;
inline constexpr Slot<86, Status*(const KernelInfo*, const char*, int64_t*)> get_attribute_int;
inline constexpr Slot<87, Status*(const KernelInfo*, const char*, char*, size_t*)>
    get_attribute_string;
inline constexpr Slot<90, Status*(const KernelContext*, size_t, const Value**)> get_input;
inline constexpr Slot<91, Status*(KernelContext*, size_t, const int64_t*, size_t, Value**)>
    get_output;
inline constexpr Slot<93, void(Status*)> release_status;
inline constexpr Slot<94, void(MemoryInfo*)> release_memory_info;
inline constexpr Slot<99, void(TensorTypeAndShapeInfo*)> release_tensor_type_and_shape;
inline constexpr Slot<101, void(CustomOpDomain*)> release_custom_op_domain;
inline constexpr Slot<132, void(Allocator*)> release_allocator;
inline constexpr Slot<163, Status*(const KernelInfo*, const char*, int64_t*, size_t*)>
    get_attribute_ints;
// The stream is null if the kernel runs on no stream of its own.
inline constexpr Slot<193, Status*(const KernelContext*, void**)> get_gpu_stream;
inline constexpr Slot<237, Status*(const SessionOptions*, const char* key, int* is_there)>
    has_config_entry;
// The size includes the terminating zero. If the buffer is null, only the size is returned.
inline constexpr Slot<238, Status*(const SessionOptions*, const char* key, char*, size_t* size)>
    get_config_entry;
inline constexpr Slot<244, Status*(const KernelInfo*, char*, size_t*)> get_node_name;
inline constexpr Slot<249, Status*(const KernelInfo*, size_t, int*, const Value**)>
    get_constant_input;
inline constexpr Slot<253, Status*(const KernelContext*, const MemoryInfo*, Allocator**)>
    get_allocator;
inline constexpr Slot<274, Status*(const KernelContext*, void (*)(void*, size_t), size_t total,
                                   size_t batches, void* user)>
    parallel_for;
// Once freed, this memory is reused only on the kernel's stream. Requires a kernel that has a
// stream.
inline constexpr Slot<276, Status*(const KernelContext*, const MemoryInfo*, size_t, void**)>
    get_scratch_buffer;

// Code for `create_status`.
inline constexpr int kFail = 1;
// For `create_memory_info`: device memory from the allocator of the device.
inline constexpr int kDeviceAllocator = 0;
inline constexpr int kDefaultMemory = 0;
// For `get_input_memory_type`: where a device kernel expects an input.
inline constexpr int kOnDevice = 0;
inline constexpr int kOnHost = -2;

struct CustomOp {
  uint32_t version;
  void* (*create_kernel)(const CustomOp*, const Api*, const KernelInfo*);
  const char* (*get_name)(const CustomOp*);
  const char* (*get_execution_provider)(const CustomOp*);
  int (*get_input_type)(const CustomOp*, size_t);
  size_t (*get_input_count)(const CustomOp*);
  int (*get_output_type)(const CustomOp*, size_t);
  size_t (*get_output_count)(const CustomOp*);
  void (*compute)(void*, KernelContext*);
  void (*destroy)(void*);
  int (*get_input_characteristic)(const CustomOp*, size_t);
  int (*get_output_characteristic)(const CustomOp*, size_t);
  int (*get_input_memory_type)(const CustomOp*, size_t);
  int (*get_variadic_input_min_arity)(const CustomOp*);
  int (*get_variadic_input_homogeneity)(const CustomOp*);
  int (*get_variadic_output_min_arity)(const CustomOp*);
  int (*get_variadic_output_homogeneity)(const CustomOp*);
  Status* (*create_kernel_v2)(const CustomOp*, const Api*, const KernelInfo*, void**);
  Status* (*compute_v2)(void*, KernelContext*);
  Function infer_output_shape;
  int (*get_start_version)(const CustomOp*);
  int (*get_end_version)(const CustomOp*);
};

}  // namespace jpegcompile::ort
