#include "cuda/contexts.h"

namespace jpegcompile::cuda {
namespace {

// Shared memory that a kernel may use without a larger limit being set.
constexpr int64_t kSharedBytes = 48 << 10;

// Calls `action` in a context, if the context still exists; it may be destroyed before this
// library.
template <typename Action>
void within(const Driver& driver, Context context, const Action& action) noexcept {
  if (driver.push.attempt(context) != 0) return;
  action();
  Context popped = nullptr;
  driver.pop.attempt(&popped);
}

}  // namespace

CurrentContext::~CurrentContext() {
  Context popped = nullptr;
  if (is_pushed_) driver_.pop.attempt(&popped);
}

void Contexts::join() {
  const std::scoped_lock lock(mutex_);
  ++users_;
}

void Contexts::leave() noexcept {
  const std::scoped_lock lock(mutex_);
  if (--users_ == 0) release();
}

CurrentContext Contexts::enter() {
  Context current = nullptr;
  driver_.get_current(&current);
  Device device = 0;
  if (current != nullptr) {
    driver_.get_current_device(&device);
  } else {
    driver_.get_device(&device, 0);
  }
  // A primary context is destroyed with its last user, and modules with their context.
  const Context primary = retain(device);
  if (current == nullptr) driver_.push(primary);
  return {driver_, current == nullptr ? primary : current, device, current == nullptr};
}

Context Contexts::retain(Device device) {
  const std::scoped_lock lock(mutex_);
  if (const auto found = retained_.find(device); found != retained_.end()) return found->second;
  const auto entry = retained_.emplace(device, nullptr).first;
  try {
    driver_.retain_primary(&entry->second, device);
  } catch (const DriverError&) {
    retained_.erase(entry);
    throw;
  }
  return entry->second;
}

Function Contexts::function(const CurrentContext& current, const Cubin& cubin) {
  const Key key{current.context(), &cubin};
  const std::scoped_lock lock(mutex_);
  if (const auto found = loaded_.find(key); found != loaded_.end()) return found->second.function;
  const auto entry = loaded_.emplace(key, Loaded{}).first;
  try {
    entry->second = load(cubin);
  } catch (const DriverError& error) {
    loaded_.erase(entry);
    throw DriverError(std::string(error.what()) + " while loading " + cubin.title());
  }
  return entry->second.function;
}

Contexts::Loaded Contexts::load(const Cubin& cubin) const {
  Loaded made{};
  driver_.load(&made.module, cubin.code.data());
  try {
    driver_.get_function(&made.function, made.module, cubin.entry.c_str());
    if (cubin.shared_bytes > kSharedBytes) {
      driver_.set_attribute(made.function, kMaxDynamicSharedBytes,
                            static_cast<int>(cubin.shared_bytes));
    }
  } catch (const DriverError&) {
    driver_.unload.attempt(made.module);
    throw;
  }
  return made;
}

void Contexts::release() noexcept {
  for (const auto& [key, loaded] : loaded_) {
    within(driver_, key.first, [&] { driver_.unload.attempt(loaded.module); });
  }
  loaded_.clear();
  for (const auto& [device, context] : retained_) driver_.release_primary.attempt(device);
  retained_.clear();
}

DeviceArray::DeviceArray(const Driver& driver, const CurrentContext& current, Stream stream,
                         std::span<const std::byte> bytes)
    : driver_(driver), context_(current.context()) {
  // The driver rejects allocations of 0 bytes.
  driver_.allocate(&data_, bytes.empty() ? 1 : bytes.size());
  try {
    if (!bytes.empty()) driver_.copy_to_device(data_, bytes.data(), bytes.size(), stream);
    driver_.synchronize(stream);
  } catch (const DriverError&) {
    driver_.free.attempt(data_);
    throw;
  }
}

DeviceArray::~DeviceArray() {
  within(driver_, context_, [&] { driver_.free.attempt(data_); });
}

}  // namespace jpegcompile::cuda
