// What a kernel for CUDA sees of its runtime.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "cuda/launch.h"
#include "cuda/runtime.h"
#include "ort/kernel.h"

namespace jpegcompile {
namespace ort {
struct Allocator;
struct MemoryInfo;
}  // namespace ort

// A tensor in the memory of the device.
struct DeviceTensor {
  Shape shape;
  cuda::DevicePointer data = 0;
};

// One call of a kernel. Scratch memory is given back when it ends. The stream alone takes it again, and
// runs what is launched later behind what this has launched.
class CudaCall {
 public:
  CudaCall(const ort::Api& api, ort::KernelContext* context, const Definition& definition,
           const cuda::Runtime& runtime);
  ~CudaCall();
  CudaCall(const CudaCall&) = delete;
  CudaCall& operator=(const CudaCall&) = delete;

  // Of inputs on the device, and of those that the definition keeps on the host.
  DeviceTensor input(In name) const;
  Tensor host_input(In name) const;
  cuda::DevicePointer output(Out name, const Shape& shape) const;

  // Memory for so many floats.
  cuda::DevicePointer scratch(int64_t floats);
  // A copy of numbers in scratch memory.
  template <typename Number>
  cuda::DevicePointer upload(const std::vector<Number>& values) {
    return upload(std::as_bytes(std::span(values)));
  }

  void launch(const cuda::Cubin& cubin, const cuda::Grid& grid,
              const cuda::Arguments& arguments) const {
    cuda::launch(runtime_.contexts(), current_, stream_, cubin, grid, arguments);
  }

  const cuda::Runtime& runtime() const { return runtime_; }
  const cuda::CurrentContext& current() const { return current_; }
  const cuda::Chip& chip() const { return chip_; }
  cuda::Stream stream() const { return stream_; }

 private:
  Tensor view_of(In name, bool is_on_host) const;
  void* allocated(size_t bytes);
  cuda::DevicePointer upload(std::span<const std::byte> bytes);

  const ort::Api& api_;
  ort::KernelContext* context_;
  const Definition& definition_;
  const cuda::Runtime& runtime_;
  cuda::CurrentContext current_;
  const cuda::Chip& chip_;
  cuda::Stream stream_ = nullptr;
  ort::MemoryInfo* memory_ = nullptr;
  ort::Allocator* allocator_ = nullptr;
  std::vector<void*> scratch_;
};

// Numbers that a kernel keeps on every device that it is called on. Several threads may ask for them.
class DeviceConstants {
 public:
  using Key = std::pair<cuda::Context, int64_t>;

  // Those of a key, a vector that `make` makes when they are asked for first.
  template <typename Make>
  cuda::DevicePointer get(CudaCall& call, int64_t key, const Make& make) const {
    const std::scoped_lock lock(mutex_);
    auto& array = arrays_[{call.current().context(), key}];
    if (!array) {
      const auto& numbers = make();
      array = std::make_unique<cuda::DeviceArray>(call.runtime().driver(), call.current(),
                                                  call.stream(), std::as_bytes(std::span(numbers)));
    }
    return array->data();
  }

 private:
  mutable std::mutex mutex_;
  mutable std::map<Key, std::unique_ptr<cuda::DeviceArray>> arrays_;
};

// As `Kernel`, for CUDA: it launches on the call's stream, and does not wait.
class CudaKernel {
 public:
  virtual ~CudaKernel() = default;
  virtual void compute(CudaCall& call) const = 0;
};

}  // namespace jpegcompile
