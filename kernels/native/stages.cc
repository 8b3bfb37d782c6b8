#include "stages.h"

#include <algorithm>
#include <thread>

namespace jpegcompile {
namespace {

// Checks of a thread that waits before it lets others run: some microseconds.
constexpr int kPatience = 2000;
constexpr int64_t kThreadsPlannedFor = 32;

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

size_t Stages::most_items() const {
  size_t most = 0;
  for (size_t i = 0; i < used_; ++i) most = std::max(most, stages_[i].count);
  return most;
}

void Stages::take_part() noexcept {
  for (size_t i = 0; i < used_; ++i) {
    const Erased& stage = stages_[i];
    Progress& progress = progress_[i];
    // Read before written: a late thread does not take the line from those that work.
    while (progress.taken.load(std::memory_order_relaxed) < stage.count) {
      const size_t item = progress.taken.fetch_add(1, std::memory_order_relaxed);
      if (item >= stage.count) break;
      work_on(stage, item);
      progress.done.fetch_add(1, std::memory_order_release);
    }
    if (i + 1 == used_) return;
    for (int checks = 0; progress.done.load(std::memory_order_acquire) < stage.count; ++checks) {
      if (checks < kPatience) {
        pause();
      } else {
        std::this_thread::yield();
      }
    }
  }
}

void Stages::work_on(const Erased& stage, size_t item) noexcept {
  if (has_failed_.load(std::memory_order_relaxed)) return;
  try {
    stage.call(stage.work, item);
  } catch (...) {
    const std::scoped_lock lock(mutex_);
    if (!error_) error_ = std::current_exception();
    has_failed_.store(true, std::memory_order_relaxed);
  }
}

void Stages::rethrow() const {
  if (error_) std::rethrow_exception(error_);
}

int64_t wanted_tasks(int64_t least) {
  static const int64_t threads =
      std::clamp<int64_t>(std::thread::hardware_concurrency(), 1, kThreadsPlannedFor);
  return std::max(least, 2 * threads);
}

}  // namespace jpegcompile
