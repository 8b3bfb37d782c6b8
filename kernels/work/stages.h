// Work in stages, shared out among the threads of a session that meet only once for all of them.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>

namespace jpegcompile {

// Items 0 to count - 1 of a stage, each done once by `work`, in any order and on any thread.
// Neighbours are mostly done by one thread, and those of a share of a stage by the thread that had
// the same share of another one: items should be in an order in which that keeps data near.
template <typename Work>
struct Stage {
  size_t count;
  const Work& work;
};
template <typename Work>
Stage(size_t, const Work&) -> Stage<Work>;

// Shares of a node's work: as many as threads have been seen to take part in it.
class Team {
 public:
  static constexpr size_t kMost = 16;

  size_t size() const { return size_.load(std::memory_order_relaxed); }
  void grow(size_t seen);

 private:
  std::atomic<size_t> size_{1};
};

// What threads take items from. Each has a share of every stage and takes its items in ascending
// order, so that a core finds in its own caches what it has made before, in this node or another.
// Items of shares that no thread has, or whose thread is late, are taken by others from their end.
// When no item is left to be taken a thread waits for those that others have taken: they are being
// worked on, so this ends however many threads take part, one alone among them.
class Stages {
 public:
  template <typename... Works>
  explicit Stages(Team& team, const Stage<Works>&... stages)
      : stages_{erase(stages)...}, used_(sizeof...(Works)), team_(team), shares_(team.size()) {
    static_assert(sizeof...(Works) <= kMost);
    share_out();
  }

  // The largest number of items of a stage.
  size_t most_items() const;
  // A thread's part in all stages.
  void take_part() noexcept;
  // To be called when all threads have ended. Exceptions must not cross ONNX Runtime's threads: the
  // first one is kept, what was not yet begun behind it is left out, and the calling thread throws
  // it here.
  void finish();

 private:
  static constexpr size_t kMost = 3;
  struct Erased {
    size_t count = 0;
    const void* work = nullptr;
    void (*call)(const void* work, size_t item) = nullptr;
  };
  // Items first to end - 1 of a share that nobody has taken. Lines of a cache of their own, since
  // other threads read what one writes.
  struct alignas(64) Share {
    std::atomic<uint64_t> items{0};  // end in the upper half, first in the lower one
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

  std::array<Erased, kMost> stages_;
  size_t used_;
  Team& team_;
  size_t shares_;
  std::array<std::array<Share, Team::kMost>, kMost> left_;
  std::array<Counter, kMost> done_;
  Counter members_;
  std::atomic<uint32_t> chosen_{0};  // shares that a thread has, one bit each
  std::atomic<bool> is_taken_{false};  // every item of the last stage
  std::atomic<bool> has_failed_{false};
  std::mutex mutex_;
  std::exception_ptr error_;
};

}  // namespace jpegcompile
