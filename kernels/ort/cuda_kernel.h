// What a CUDA kernel sees of ONNX Runtime.
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

// A tensor in device memory.
struct DeviceTensor {
  Shape shape;
  cuda::DevicePointer data = 0;
};

// One call of a kernel. Its scratch memory is freed when the call ends. This is safe while launches
// are still running: only the same stream reuses the memory, and later launches run after these.
class CudaCall {
 public:
  CudaCall(const ort::Api& api, ort::KernelContext* context, const Definition& definition,
           const cuda::Runtime& runtime);
  ~CudaCall();
  CudaCall(const CudaCall&) = delete;
  CudaCall& operator=(const CudaCall&) = delete;

  // `input` is for inputs on the device, `host_input` for inputs that the definition keeps on the
  // host.
  DeviceTensor input(In name) const;
  Tensor host_input(In name) const;
  cuda::DevicePointer output(Out name, const Shape& shape) const;

  // Returns memory for this number of floats.
  cuda::DevicePointer scratch(int64_t floats);
  // Copies numbers to scratch memory.
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

// Numbers that a kernel keeps on every device on which it is called. Thread-safe.
class DeviceConstants {
 public:
  using Key = std::pair<cuda::Context, int64_t>;

  // Returns the numbers of a key; on first use copies the vector that `make` returns.
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

// The counterpart of `Kernel` for CUDA. `compute` launches on the stream of the call and does not
// wait.
class CudaKernel {
 public:
  virtual ~CudaKernel() = default;
  virtual void compute(CudaCall& call) const = 0;
};

}  // namespace jpegcompile
