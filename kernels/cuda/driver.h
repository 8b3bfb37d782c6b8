// The part of the CUDA driver that launches kernels. The driver is loaded at run time, so that the
// library also builds and runs without CUDA.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "tiles/tensor.h"

namespace jpegcompile::cuda {

using Result = int;  // 0 means success
using Device = int;
using DevicePointer = uint64_t;
using Context = struct ContextOfDriver*;
using Module = struct ModuleOfDriver*;
using Function = struct FunctionOfDriver*;
using Stream = struct StreamOfDriver*;

// Values of the driver's enumerations.
inline constexpr int kMultiprocessorCount = 16;       // CUdevice_attribute
inline constexpr int kComputeCapabilityMajor = 75;
inline constexpr int kComputeCapabilityMinor = 76;
inline constexpr int kMaxSharedBytesOptIn = 97;
inline constexpr int kMaxDynamicSharedBytes = 8;      // CUfunction_attribute

class Driver;

// A call that the driver rejected, with the driver's own message.
class DriverError : public KernelError {
 public:
  using KernelError::KernelError;
};

// One function of the driver.
template <typename... Arguments>
class DriverCall {
 public:
  DriverCall(const Driver& driver, const char* symbol);

  // Throws DriverError.
  void operator()(Arguments... arguments) const;
  // For destructors, which cannot report an error.
  Result attempt(Arguments... arguments) const noexcept { return function_(arguments...); }

 private:
  const Driver& driver_;
  const char* symbol_;
  Result (*function_)(Arguments...);
};

class Driver {
 private:
  void* library_;  // declared before the functions, which are looked up in it

 public:
  // Returns JPEGCOMPILE_LIBCUDA if it is set, otherwise libcuda.so.1.
  static std::string path();

  // Throws KernelError if the file cannot be opened or lacks a function. The library is never
  // closed, because the driver has threads of its own.
  explicit Driver(const std::string& path);
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  // "CUDA_ERROR_INVALID_VALUE (invalid argument)"
  std::string words(Result result) const;

  DriverCall<Result, const char**> get_error_name{*this, "cuGetErrorName"};
  DriverCall<Result, const char**> get_error_string{*this, "cuGetErrorString"};
  DriverCall<unsigned> init{*this, "cuInit"};
  DriverCall<int*> get_version{*this, "cuDriverGetVersion"};
  DriverCall<Device*, int> get_device{*this, "cuDeviceGet"};
  DriverCall<int*, int, Device> get_attribute{*this, "cuDeviceGetAttribute"};
  DriverCall<Context*, Device> retain_primary{*this, "cuDevicePrimaryCtxRetain"};
  DriverCall<Device> release_primary{*this, "cuDevicePrimaryCtxRelease_v2"};
  DriverCall<Context*> get_current{*this, "cuCtxGetCurrent"};
  DriverCall<Device*> get_current_device{*this, "cuCtxGetDevice"};
  DriverCall<Context> push{*this, "cuCtxPushCurrent_v2"};
  DriverCall<Context*> pop{*this, "cuCtxPopCurrent_v2"};
  DriverCall<Module*, const void*> load{*this, "cuModuleLoadData"};
  DriverCall<Module> unload{*this, "cuModuleUnload"};
  DriverCall<Function*, Module, const char*> get_function{*this, "cuModuleGetFunction"};
  DriverCall<Function, int, int> set_attribute{*this, "cuFuncSetAttribute"};
  // Function; grid; block; bytes of shared memory; stream; parameters; null.
  DriverCall<Function, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, Stream,
             void**, void**>
      launch{*this, "cuLaunchKernel"};
  DriverCall<DevicePointer*, size_t> allocate{*this, "cuMemAlloc_v2"};
  DriverCall<DevicePointer> free{*this, "cuMemFree_v2"};
  DriverCall<DevicePointer, const void*, size_t, Stream> copy_to_device{*this,
                                                                        "cuMemcpyHtoDAsync_v2"};
  DriverCall<Stream> synchronize{*this, "cuStreamSynchronize"};

 private:
  template <typename... Arguments>
  friend class DriverCall;
  void* find(const char* symbol) const;
  [[noreturn]] void fail(const char* symbol, Result result) const;
};

template <typename... Arguments>
DriverCall<Arguments...>::DriverCall(const Driver& driver, const char* symbol)
    : driver_(driver),
      symbol_(symbol),
      function_(reinterpret_cast<Result (*)(Arguments...)>(driver.find(symbol))) {}

template <typename... Arguments>
void DriverCall<Arguments...>::operator()(Arguments... arguments) const {
  const Result result = function_(arguments...);
  if (result != 0) driver_.fail(symbol_, result);
}

}  // namespace jpegcompile::cuda
