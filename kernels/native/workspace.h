// Memory of kernels between their stages, kept from call to call.
#pragma once

#include <cstddef>
#include <memory>

namespace jpegcompile {

// An aligned block that grows when more is asked for and never shrinks. Its contents are not kept.
class Buffer {
 public:
  // So many floats, aligned to 64 bytes. With AddressSanitizer they are not numbers until they are
  // written, and those behind them are out of bounds.
  float* floats(size_t count);
  // What `floats` gave last.
  const float* data() const { return memory_.get(); }

 private:
  struct Free {
    void operator()(float* memory) const;
  };
  std::unique_ptr<float[], Free> memory_;
  size_t capacity_ = 0;
};

// A buffer that one call has for itself: taken from those that are free, and given back.
class Workspace {
 public:
  Workspace();
  ~Workspace();
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  float* floats(size_t count) { return buffer_->floats(count); }

 private:
  std::unique_ptr<Buffer> buffer_;
};

// The calling thread's own memory for one task. `slot` tells apart what a task needs at once.
float* task_floats(size_t slot, size_t count);

}  // namespace jpegcompile
