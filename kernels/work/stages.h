// Work in several stages, divided among the threads of a session, which synchronize only once for
// all stages.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>

namespace jpegcompile {

// Items 0 to count - 1 of a stage. `work` runs once for each item, in any order and on any thread.
// Adjacent items usually run on one thread, which keeps the same share in every stage, so the order
// of items should keep data local.
template <typename Work>
struct Stage {
  size_t count;
  const Work& work;
};
template <typename Work>
Stage(size_t, const Work&) -> Stage<Work>;

// The number of shares that a node's work is divided into: the most threads seen working on the
// node so far.
class Team {
 public:
  static constexpr size_t kMax = 16;

  size_t size() const { return size_.load(std::memory_order_relaxed); }
  void grow(size_t seen);

 private:
  std::atomic<size_t> size_{1};
};

// The items of all stages, and how threads claim them.
//
// Each thread has a share of every stage and claims the items of its share in ascending order, so
// that it finds data of earlier stages and nodes in its own caches. Other threads claim items from
// the end of a share if no thread has this share, or if its thread is late. When no item is left to
// claim, a thread waits for the items that are still running. Any number of threads, also a single
// one, completes the work.
class Stages {
 public:
  template <typename... Works>
  explicit Stages(Team& team, const Stage<Works>&... stages)
      : stages_{erase(stages)...}, used_(sizeof...(Works)), team_(team), shares_(team.size()) {
    static_assert(sizeof...(Works) <= kMax);
    share_out();
  }

  // The largest number of items of any stage.
  size_t most_items() const;
  // Runs the calling thread's part of all stages.
  void take_part() noexcept;
  // Must be called after all threads have returned from `take_part`. Exceptions must not cross ONNX
  // Runtime's threads, so the first exception is stored, the remaining items are skipped, and this
  // function throws the exception on the calling thread.
  void finish();

 private:
  static constexpr size_t kMax = 3;
  struct Erased {
    size_t count = 0;
    const void* work = nullptr;
    void (*call)(const void* work, size_t item) = nullptr;
  };
  // The unclaimed items of a share, first to end - 1. Each share has its own cache line, because
  // other threads read it.
  struct alignas(64) Share {
    std::atomic<uint64_t> items{0};  // end in the upper half, first in the lower half
  };
  struct alignas(64) Counter {
    std::atomic<size_t> value{0};
  };
  enum class End { kFirst, kLast };

  template <typename Work>
  static Erased erase(const Stage<Work>& stage) {
    return {stage.count, &stage.work,
            [](const void* work, size_t item) { (*static_cast<const Work*>(work))(item); }};
  }
  void share_out();
  size_t choose_share() noexcept;
  size_t work_on(size_t stage, size_t share) noexcept;
  size_t work_off(size_t stage, size_t share, End end) noexcept;
  static bool is_empty(const Share& share) noexcept;
  static bool take(Share& share, End end, size_t& item) noexcept;
  void call(const Erased& stage, size_t item) noexcept;

  std::array<Erased, kMax> stages_;
  size_t used_;
  Team& team_;
  size_t shares_;
  std::array<std::array<Share, Team::kMax>, kMax> left_;
  std::array<Counter, kMax> done_;
  Counter members_;
  std::atomic<uint32_t> chosen_{0};  // shares that belong to a thread, one bit each
  std::atomic<bool> is_taken_{false};  // whether every item of the last stage is claimed
  std::atomic<bool> has_failed_{false};
  std::mutex mutex_;
  std::exception_ptr error_;
};

}  // namespace jpegcompile
