// Memory of kernels between their stages, kept from call to call.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace jpegcompile {

// An aligned block that grows when more is asked for, and shrinks when nothing like as much has been
// asked for any more. Its contents are not kept.
class Buffer {
 public:
  using Clock = std::chrono::steady_clock;

  // How long a block stays for a request of its size. A model that runs again within that time finds
  // all memory that it has had.
  static constexpr std::chrono::seconds kKept{10};
  // Less than that stays for ever, in bytes.
  static constexpr size_t kSmall = size_t{1} << 20;

  // So many floats, aligned to 64 bytes. With AddressSanitizer they are not numbers until they are
  // written, and those behind them are out of bounds.
  float* floats(size_t count, Clock::time_point now = Clock::now());
  // What `floats` gave last.
  const float* data() const { return memory_.get(); }
  // Gives the block back to the system if there was no request at all for so long.
  void release_unused(Clock::time_point now);
  void release();
  size_t capacity() const { return capacity_; }

 private:
  struct Free {
    void operator()(float* memory) const;
  };
  bool is_too_large(Clock::time_point now) const;
  void allocate(size_t count);

  std::unique_ptr<float[], Free> memory_;
  size_t capacity_ = 0;
  size_t recent_ = 0;             // the largest request since the last one for most of the block
  Clock::time_point used_{};      // the last request
  Clock::time_point filled_{};    // the last one for most of the block
};

// A buffer that one call has for itself: taken from those that are free, and given back.
class Workspace {
 public:
  Workspace();
  ~Workspace();
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  float* floats(size_t count) { return buffer_->floats(count); }

  // Gives back to the system what no call has.
  static void release_all();

 private:
  std::unique_ptr<Buffer> buffer_;
};

// The calling thread's own memory for one task. `slot` tells apart what a task needs at once.
float* task_floats(size_t slot, size_t count);

// Images of a batch that are worked on together: their scratch, of so many floats each, stays within
// a few megabytes.
int64_t images_at_once(int64_t batch, int64_t floats_each);

}  // namespace jpegcompile
