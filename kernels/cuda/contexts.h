// The driver's contexts, with what this library keeps in them: modules and memory.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <utility>

#include "cuda/cubins.h"
#include "cuda/driver.h"

namespace jpegcompile::cuda {

// The context that the calling thread launches in, which is current for as long as this lives.
class Contexts;
class CurrentContext {
 public:
  CurrentContext(CurrentContext&& other) noexcept
      : driver_(other.driver_),
        context_(other.context_),
        device_(other.device_),
        is_pushed_(std::exchange(other.is_pushed_, false)) {}
  CurrentContext& operator=(CurrentContext&&) = delete;
  ~CurrentContext();

  Context context() const { return context_; }
  Device device() const { return device_; }

 private:
  friend class Contexts;
  CurrentContext(const Driver& driver, Context context, Device device, bool is_pushed)
      : driver_(driver), context_(context), device_(device), is_pushed_(is_pushed) {}

  const Driver& driver_;
  Context context_;
  Device device_;
  bool is_pushed_;
};

// All contexts of the process that kernels were launched in. Several threads may call it at once.
class Contexts {
 public:
  explicit Contexts(const Driver& driver) : driver_(driver) {}
  Contexts(const Contexts&) = delete;
  Contexts& operator=(const Contexts&) = delete;

  const Driver& driver() const { return driver_; }

  // What is kept lives while anyone has joined. The last one who leaves unloads modules.
  void join();
  void leave() noexcept;

  // The thread's context or, where it has none, that of the first device.
  CurrentContext enter();

  // The function of a cubin in the current context, loaded when it is asked for first. Throws
  // DriverError.
  Function function(const CurrentContext& current, const Cubin& cubin);

 private:
  using Key = std::pair<Context, const Cubin*>;
  struct Loaded {
    Module module;
    Function function;
  };

  Context retain(Device device);
  Loaded load(const Cubin& cubin) const;
  void release() noexcept;

  const Driver& driver_;
  std::mutex mutex_;
  int64_t users_ = 0;
  std::map<Key, Loaded> loaded_;
  std::map<Device, Context> retained_;
};

// Bytes in the memory of a device, given back with this.
class DeviceArray {
 public:
  // Copies the bytes. They are there for every stream when this returns. Throws DriverError.
  DeviceArray(const Driver& driver, const CurrentContext& current, Stream stream,
              std::span<const std::byte> bytes);
  ~DeviceArray();
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  DevicePointer data() const { return data_; }

 private:
  const Driver& driver_;
  Context context_;
  DevicePointer data_ = 0;
};

}  // namespace jpegcompile::cuda
