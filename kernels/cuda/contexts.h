// Driver contexts, and the modules and memory that this library keeps in them.
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

// The context that the calling thread launches in. The context is current for the lifetime of this
// object.
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

// All contexts of the process in which kernels were launched. Thread-safe.
class Contexts {
 public:
  explicit Contexts(const Driver& driver) : driver_(driver) {}
  Contexts(const Contexts&) = delete;
  Contexts& operator=(const Contexts&) = delete;

  const Driver& driver() const { return driver_; }

  // Modules stay loaded while anyone has joined. When the last user leaves, they are unloaded.
  void join();
  void leave() noexcept;

  // Enters the context of the calling thread or, if there is none, of the first device.
  CurrentContext enter();

  // Returns the function of a cubin in the current context; loads it on first use. Throws
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

// An array in device memory, freed by the destructor.
class DeviceArray {
 public:
  // Copies the bytes. Every stream can read them when this returns. Throws DriverError.
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
