#include "pool.h"

#include <algorithm>
#include <atomic>
#include <numeric>

namespace jpegcompile::stand_in {

// The counters impose as little order between tasks as possible, so that ThreadSanitizer reports
// accesses of two tasks to the same memory as a race.
struct Pool::Job {
  void (*work)(void*, size_t);
  void* user;
  size_t count;
  size_t step;  // coprime to `count`, so that tasks are not in numeric order
  std::atomic<size_t> next{0};
  std::atomic<size_t> done{0};
  size_t helpers = 0;  // threads of the pool; guarded by its mutex

  void take_tasks() {
    while (true) {
      const size_t turn = next.fetch_add(1, std::memory_order_relaxed);
      if (turn >= count) return;
      work(user, turn * step % count);
      done.fetch_add(1, std::memory_order_release);
    }
  }
};

Pool::Pool(size_t threads) {
  for (size_t index = 1; index < threads; ++index) threads_.emplace_back([this] { serve(); });
}

Pool::~Pool() {
  {
    const std::scoped_lock lock(mutex_);
    is_closed_ = true;
  }
  changed_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void Pool::run(void (*work)(void*, size_t), size_t count, void* user) {
  size_t step = threads_.empty() ? 1 : count / 2 + 1;
  while (std::gcd(step, count) > 1) ++step;
  Job job{work, user, count, step};
  {
    const std::scoped_lock lock(mutex_);
    jobs_.push_back(&job);
  }
  changed_.notify_all();
  job.take_tasks();
  std::unique_lock lock(mutex_);
  jobs_.remove(&job);
  changed_.wait(lock, [&] {
    return job.helpers == 0 && job.done.load(std::memory_order_acquire) == job.count;
  });
}

void Pool::serve() {
  std::unique_lock lock(mutex_);
  while (true) {
    const auto has_work = [](const Job* job) {
      return job->next.load(std::memory_order_relaxed) < job->count;
    };
    auto found = jobs_.end();
    changed_.wait(lock, [&] {
      found = std::ranges::find_if(jobs_, has_work);
      return is_closed_ || found != jobs_.end();
    });
    if (is_closed_) return;
    Job& job = **found;
    ++job.helpers;
    lock.unlock();
    job.take_tasks();
    lock.lock();
    --job.helpers;
    changed_.notify_all();
  }
}

}  // namespace jpegcompile::stand_in
