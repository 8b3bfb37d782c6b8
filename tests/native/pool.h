// Threads that run numbered tasks, like the pool of an ONNX Runtime session.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <list>
#include <mutex>
#include <thread>
#include <vector>

namespace jpegcompile::stand_in {

class Pool {
 public:
  // The number includes the thread that calls `run`.
  explicit Pool(size_t threads);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // Calls work(user, i) for every i in [0, count), in any order, and returns when all calls have
  // returned. Thread-safe.
  void run(void (*work)(void*, size_t), size_t count, void* user);

 private:
  struct Job;

  void serve();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Job*> jobs_;
  bool is_closed_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace jpegcompile::stand_in
