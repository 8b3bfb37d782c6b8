#include "work/workspace.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace jpegcompile {
namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kHugePage = size_t{2} << 20;
constexpr int64_t kScratchFloats = int64_t{2} << 20;

struct Shelf {
  std::mutex mutex;
  std::vector<std::unique_ptr<Buffer>> free;
  size_t made = 0;
};

// Never destroyed: threads may run kernels until the process ends, after `main` ends.
Shelf& shelf() {
  static Shelf& shelf = *std::make_unique<Shelf>().release();
  return shelf;
}

#if defined(__SANITIZE_ADDRESS__)
// Reused memory would hide accesses past a smaller request, and reads of unwritten memory.
void set_bounds(float* memory, size_t count, size_t capacity) {
  __asan_unpoison_memory_region(memory, count * sizeof(float));
  std::fill_n(memory, count, std::numeric_limits<float>::quiet_NaN());
  __asan_poison_memory_region(memory + count, (capacity - count) * sizeof(float));
}
#else
void set_bounds(float*, size_t, size_t) {}
#endif

}  // namespace

void Buffer::Free::operator()(float* memory) const { std::free(memory); }

float* Buffer::floats(size_t count, Clock::time_point now) {
  used_ = now;
  recent_ = std::max(recent_, count);
  if (count > capacity_ || is_too_large(now)) {
    allocate(recent_);
    filled_ = now;
    recent_ = 0;
  } else if (count > capacity_ / 2) {
    filled_ = now;
    recent_ = 0;
  }
  set_bounds(memory_.get(), count, capacity_);
  return memory_.get();
}

bool Buffer::is_too_large(Clock::time_point now) const {
  return capacity_ * sizeof(float) > kSmall && recent_ <= capacity_ / 2 && now - filled_ > kKept;
}

void Buffer::allocate(size_t count) {
  release();
  const size_t asked = count * sizeof(float);
  const size_t alignment = asked >= 2 * kHugePage ? kHugePage : kAlignment;
  const size_t bytes = (asked + alignment - 1) / alignment * alignment;
  memory_.reset(static_cast<float*>(std::aligned_alloc(alignment, bytes)));
  if (!memory_) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
  // Only a hint: transformed weights are read from start to end at every call.
  if (alignment == kHugePage) madvise(memory_.get(), bytes, MADV_HUGEPAGE);
#endif
  capacity_ = count;
}

void Buffer::release_unused(Clock::time_point now) {
  if (capacity_ * sizeof(float) > kSmall && now - used_ > kKept) release();
}

void Buffer::release() {
  memory_.reset();
  capacity_ = 0;
}

Workspace::Workspace() {
  const std::scoped_lock lock(shelf().mutex);
  if (!shelf().free.empty()) {
    buffer_ = std::move(shelf().free.back());
    shelf().free.pop_back();
  } else {
    // Reserves a place for every buffer, so that returning one never fails.
    shelf().free.reserve(++shelf().made);
    buffer_ = std::make_unique<Buffer>();
  }
}

// The buffer returned last is reused first, so that buffers of a busier time stay unused and are
// freed.
Workspace::~Workspace() {
  const auto now = Buffer::Clock::now();
  const std::scoped_lock lock(shelf().mutex);
  for (const auto& buffer : shelf().free) buffer->release_unused(now);
  shelf().free.push_back(std::move(buffer_));
}

void Workspace::release_all() {
  const std::scoped_lock lock(shelf().mutex);
  for (const auto& buffer : shelf().free) buffer->release();
}

float* task_floats(size_t slot, size_t count) {
  thread_local std::array<Buffer, 4> buffers;
  return buffers.at(slot).floats(count);
}

int64_t images_at_once(int64_t batch, int64_t floats_each) {
  if (floats_each == 0) return std::max<int64_t>(batch, 1);
  return std::clamp<int64_t>(kScratchFloats / floats_each, 1, std::max<int64_t>(batch, 1));
}

}  // namespace jpegcompile
