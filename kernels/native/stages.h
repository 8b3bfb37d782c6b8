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
template <typename Work>
struct Stage {
  size_t count;
  const Work& work;
};
template <typename Work>
Stage(size_t, const Work&) -> Stage<Work>;

// What threads take items from. A thread takes items of a stage while there are any, and then waits
// for those that others have taken: they are being worked on, so this ends however many threads
// take part, one alone among them.
class Stages {
 public:
  template <typename... Works>
  explicit Stages(const Stage<Works>&... stages) : stages_{erase(stages)...}, used_(sizeof...(Works)) {
    static_assert(sizeof...(Works) <= kMost);
  }

  // The largest number of items of a stage.
  size_t most_items() const;
  // A thread's share of all stages.
  void take_part() noexcept;
  // Exceptions must not cross ONNX Runtime's threads: the first one is kept, what was not yet
  // begun behind it is left out, and the calling thread throws it here.
  void rethrow() const;

 private:
  static constexpr size_t kMost = 3;
  struct Erased {
    size_t count = 0;
    const void* work = nullptr;
    void (*call)(const void* work, size_t item) = nullptr;
  };
  // Lines of a cache of their own, since all threads write them.
  struct alignas(64) Progress {
    std::atomic<size_t> taken{0}, done{0};
  };

  template <typename Work>
  static Erased erase(const Stage<Work>& stage) {
    return {stage.count, &stage.work,
            [](const void* work, size_t item) { (*static_cast<const Work*>(work))(item); }};
  }
  void work_on(const Erased& stage, size_t item) noexcept;

  std::array<Erased, kMost> stages_{};
  size_t used_;
  std::array<Progress, kMost> progress_;
  std::atomic<bool> has_failed_{false};
  std::mutex mutex_;
  std::exception_ptr error_;
};

// Tasks that keep the machine's threads busy although some finish before others; no fewer than
// `least`.
int64_t wanted_tasks(int64_t least);

}  // namespace jpegcompile
