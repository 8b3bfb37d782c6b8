// Memory that kernels use between their stages, kept from call to call.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace jpegcompile {

// An aligned block of memory. It grows when a request is larger, and shrinks when recent requests
// were much smaller. Its contents are not preserved.
class Buffer {
 public:
  using Clock = std::chrono::steady_clock;

  // How long a block is kept for requests of its size. A model that runs again within this time
  // finds its memory again.
  static constexpr std::chrono::seconds kKept{10};
  // Blocks of fewer bytes are kept forever.
  static constexpr size_t kSmall = size_t{1} << 20;

  // Returns this number of floats, aligned to 64 bytes. With AddressSanitizer they are NaN until
  // written, and the memory after them is out of bounds.
  float* floats(size_t count, Clock::time_point now = Clock::now());
  // The result of the last call of `floats`.
  const float* data() const { return memory_.get(); }
  // Frees the block if there was no request within that time.
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
  size_t recent_ = 0;             // largest request since `filled_`
  Clock::time_point used_{};      // time of the last request
  Clock::time_point filled_{};    // time of the last request for most of the block
};

// A buffer for the exclusive use of one call, borrowed from a pool of buffers.
class Workspace {
 public:
  Workspace();
  ~Workspace();
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  float* floats(size_t count) { return buffer_->floats(count); }

  // Frees the memory of all buffers that no call uses.
  static void release_all();

 private:
  std::unique_ptr<Buffer> buffer_;
};

// Returns memory of the calling thread for one task. A task that needs several blocks at once uses
// several slots.
float* task_floats(size_t slot, size_t count);

// Returns how many images of a batch to process together, so that their scratch memory of
// `floats_each` floats stays within a few megabytes.
int64_t images_at_once(int64_t batch, int64_t floats_each);

}  // namespace jpegcompile
