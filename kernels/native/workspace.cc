#include "workspace.h"

#include <array>
#include <cstdlib>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

namespace jpegcompile {
namespace {

constexpr size_t kAlignment = 64;

struct Shelf {
  std::mutex mutex;
  std::vector<std::unique_ptr<Buffer>> free;
};

Shelf& shelf() {
  static Shelf shelf;
  return shelf;
}

}  // namespace

void Buffer::Free::operator()(float* memory) const { std::free(memory); }

float* Buffer::floats(size_t count) {
  if (count > capacity_) {
    memory_.reset();
    capacity_ = 0;
    const size_t bytes = (count * sizeof(float) + kAlignment - 1) / kAlignment * kAlignment;
    memory_.reset(static_cast<float*>(std::aligned_alloc(kAlignment, bytes)));
    if (!memory_) throw std::bad_alloc();
    capacity_ = count;
  }
  return memory_.get();
}

Workspace::Workspace() {
  const std::scoped_lock lock(shelf().mutex);
  if (!shelf().free.empty()) {
    buffer_ = std::move(shelf().free.back());
    shelf().free.pop_back();
  } else {
    buffer_ = std::make_unique<Buffer>();
  }
}

Workspace::~Workspace() {
  const std::scoped_lock lock(shelf().mutex);
  shelf().free.push_back(std::move(buffer_));
}

float* task_floats(size_t slot, size_t count) {
  thread_local std::array<Buffer, 4> buffers;
  return buffers.at(slot).floats(count);
}

}  // namespace jpegcompile
