#include "work/stages.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <stdexcept>
#include <thread>

namespace jpegcompile {
namespace {

// Number of checks of a waiting thread before it yields: some microseconds.
constexpr int kPatience = 2000;

using Clock = std::chrono::steady_clock;

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

uint64_t packed(uint64_t first, uint64_t end) { return end << 32 | first; }

}  // namespace

void Team::grow(size_t seen) {
  const size_t size = std::min(seen, kMax);
  if (size > size_.load(std::memory_order_relaxed)) size_.store(size, std::memory_order_relaxed);
}

void Stages::share_out() {
  for (size_t stage = 0; stage < used_; ++stage) {
    const size_t count = stages_[stage].count;
    if (count > UINT32_MAX) throw std::length_error("a stage has too many items");
    for (size_t share = 0; share < shares_; ++share) {
      left_[stage][share].items.store(
          packed(count * share / shares_, count * (share + 1) / shares_),
          std::memory_order_relaxed);
    }
  }
}

size_t Stages::most_items() const {
  size_t most = 0;
  for (size_t i = 0; i < used_; ++i) most = std::max(most, stages_[i].count);
  return most;
}

// Returns the share that this thread had last time, or else a share that no thread has yet. With
// more threads than shares, returns any share.
size_t Stages::choose_share() noexcept {
  thread_local size_t usual = 0;
  size_t share = usual % shares_;
  const uint32_t all = (uint32_t{1} << shares_) - 1;
  while ((chosen_.fetch_or(uint32_t{1} << share, std::memory_order_relaxed) >> share & 1) != 0) {
    const uint32_t others = all & ~chosen_.load(std::memory_order_relaxed);
    if (others == 0) return share;
    share = static_cast<size_t>(std::countr_zero(others));
  }
  usual = share;
  return share;
}

bool Stages::is_empty(const Share& share) noexcept {
  const uint64_t items = share.items.load(std::memory_order_relaxed);
  return (items & UINT32_MAX) == items >> 32;
}

bool Stages::take(Share& share, End end, size_t& item) noexcept {
  uint64_t items = share.items.load(std::memory_order_relaxed);
  for (;;) {
    const uint64_t first = items & UINT32_MAX, last = items >> 32;
    if (first == last) return false;
    const uint64_t rest = end == End::kFirst ? packed(first + 1, last) : packed(first, last - 1);
    if (share.items.compare_exchange_weak(items, rest, std::memory_order_relaxed)) {
      item = static_cast<size_t>(end == End::kFirst ? first : last - 1);
      return true;
    }
  }
}

// Works on the thread's own share, then on shares of threads that are late. Returns the number of
// items done.
size_t Stages::work_on(size_t stage, size_t share) noexcept {
  const auto begin = Clock::now();
  size_t count = work_off(stage, share, End::kFirst);
  if (shares_ == 1) return count;
  // Shares are equal, and items are cheapest on the core that has their data. So items of a busy
  // thread are taken only when this thread has waited half as long as its own share took.
  const auto end = Clock::now();
  const auto late = end + (end - begin) / 2;
  for (bool are_left = true; are_left;) {
    are_left = false;
    const bool is_late = Clock::now() >= late;
    for (size_t i = 1; i < shares_; ++i) {
      const size_t other = (share + i) % shares_;
      const bool has_owner = (chosen_.load(std::memory_order_relaxed) >> other & 1) != 0;
      if (is_late || !has_owner) {
        count += work_off(stage, other, End::kLast);
      } else {
        are_left = are_left || !is_empty(left_[stage][other]);
      }
    }
    if (are_left) pause();
  }
  return count;
}

size_t Stages::work_off(size_t stage, size_t share, End end) noexcept {
  size_t count = 0, item = 0;
  for (; take(left_[stage][share], end, item); ++count) call(stages_[stage], item);
  return count;
}

void Stages::take_part() noexcept {
  if (is_taken_.load(std::memory_order_relaxed)) return;
  const size_t share = choose_share();
  bool has_worked = false;
  for (size_t stage = 0; stage < used_; ++stage) {
    const size_t count = work_on(stage, share);
    if (stage + 1 == used_) is_taken_.store(true, std::memory_order_relaxed);
    if (count > 0 && !has_worked) {
      has_worked = true;
      members_.value.fetch_add(1, std::memory_order_relaxed);
    }
    if (stage + 1 == used_) return;
    std::atomic<size_t>& done = done_[stage].value;
    if (count > 0) done.fetch_add(count, std::memory_order_release);
    for (int checks = 0; done.load(std::memory_order_acquire) < stages_[stage].count; ++checks) {
      if (checks < kPatience) {
        pause();
      } else {
        std::this_thread::yield();
      }
    }
  }
}

void Stages::call(const Erased& stage, size_t item) noexcept {
  if (has_failed_.load(std::memory_order_relaxed)) return;
  try {
    stage.call(stage.work, item);
  } catch (...) {
    const std::scoped_lock lock(mutex_);
    if (!error_) error_ = std::current_exception();
    has_failed_.store(true, std::memory_order_relaxed);
  }
}

void Stages::finish() {
  team_.grow(members_.value.load(std::memory_order_relaxed));
  if (error_) std::rethrow_exception(error_);
}

}  // namespace jpegcompile
