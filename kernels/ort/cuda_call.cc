#include <string>

#include "ort/cuda_kernel.h"
#include "ort/values.h"

namespace jpegcompile {
namespace {

cuda::DevicePointer address(const void* data) {
  return reinterpret_cast<cuda::DevicePointer>(data);
}

cuda::Stream stream_of(const ort::Api& api, const ort::KernelContext* context) {
  void* stream = nullptr;
  ort::check(api, ort::get_gpu_stream(api, context, &stream));
  return static_cast<cuda::Stream>(stream);
}

}  // namespace

CudaCall::CudaCall(const ort::Api& api, ort::KernelContext* context, const Definition& definition,
                   const cuda::Runtime& runtime)
    : api_(api),
      context_(context),
      definition_(definition),
      runtime_(runtime),
      current_(runtime.contexts().enter()),
      chip_(runtime.chip(current_.device())),
      stream_(stream_of(api, context)) {}

CudaCall::~CudaCall() {
  for (void* memory : scratch_) {
    // A destructor cannot report errors.
    if (auto* status = ort::free(api_, allocator_, memory)) ort::release_status(api_, status);
  }
  if (allocator_ != nullptr) ort::release_allocator(api_, allocator_);
  if (memory_ != nullptr) ort::release_memory_info(api_, memory_);
}

Tensor CudaCall::view_of(In name, bool is_on_host) const {
  const size_t index = definition_.index(name);
  if (definition_.inputs[index].is_on_host != is_on_host) {
    throw KernelError(std::string("input '") + name_of(name) + "' is in the wrong memory");
  }
  const ort::Value* value = nullptr;
  ort::check(api_, ort::get_input(api_, context_, index, &value));
  if (value == nullptr) throw KernelError(std::string("input '") + name_of(name) + "' is missing");
  return ort::view(api_, value);
}

DeviceTensor CudaCall::input(In name) const {
  const Tensor tensor = view_of(name, false);
  return {tensor.shape, address(tensor.data)};
}

Tensor CudaCall::host_input(In name) const { return view_of(name, true); }

cuda::DevicePointer CudaCall::output(Out name, const Shape& shape) const {
  ort::Value* value = nullptr;
  ort::check(api_, ort::get_output(api_, context_, definition_.index(name), shape.data(),
                                   shape.rank(), &value));
  void* data = nullptr;
  ort::check(api_, ort::get_tensor_mutable_data(api_, value, &data));
  return address(data);
}

void* CudaCall::allocated(size_t bytes) {
  if (memory_ == nullptr) {
    ort::check(api_, ort::create_memory_info(api_, "Cuda", ort::kDeviceAllocator,
                                             current_.device(), ort::kDefaultMemory, &memory_));
  }
  if (allocator_ == nullptr) {
    ort::check(api_, ort::get_allocator(api_, context_, memory_, &allocator_));
  }
  void* memory = nullptr;
  // ONNX Runtime has no stream object for the default stream. That stream is ordered with all other
  // streams, so a plain allocation is safe.
  ort::check(api_, stream_ == nullptr
                       ? ort::allocate(api_, allocator_, bytes, &memory)
                       : ort::get_scratch_buffer(api_, context_, memory_, bytes, &memory));
  return memory;
}

cuda::DevicePointer CudaCall::scratch(int64_t floats) {
  // Reserved first, so that a failure cannot leak the memory.
  scratch_.reserve(scratch_.size() + 1);
  void* memory = allocated(static_cast<size_t>(floats) * sizeof(float));
  if (memory == nullptr && floats > 0) {
    throw KernelError("the device has no memory left for " + std::to_string(floats) + " floats");
  }
  if (memory != nullptr) scratch_.push_back(memory);
  return address(memory);
}

cuda::DevicePointer CudaCall::upload(std::span<const std::byte> bytes) {
  constexpr size_t kFloat = sizeof(float);
  const auto floats = static_cast<int64_t>((bytes.size() + kFloat - 1) / kFloat);
  const cuda::DevicePointer to = scratch(floats);
  const cuda::Driver& driver = runtime_.driver();
  driver.copy_to_device(to, bytes.data(), bytes.size(), stream_);
  // The caller's numbers may be destroyed when this returns.
  driver.synchronize(stream_);
  return to;
}

}  // namespace jpegcompile
