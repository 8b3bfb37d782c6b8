// Prints the distance of the first two cores of this machine (Linux): nanoseconds from a store on
// one core until the other core sees it, over cache lines that both write alternately.
//
//     c++ -std=c++20 -O2 -pthread cores.cc -o cores && ./cores
#include <sched.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>

// Binds the calling thread to a core; returns false if the thread may not run there.
bool stay_on(int core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(core, &cores);
  return sched_setaffinity(0, sizeof cores, &cores) == 0;
}

int main() {
  constexpr int kTurns = 100'000;
  using Clock = std::chrono::steady_clock;
  alignas(128) static std::atomic<int> ping{0};
  alignas(128) static std::atomic<int> pong{0};
  for (const int core : {1, 0}) {
    if (!stay_on(core)) {
      std::fprintf(stderr, "cores: this process may not run on core %d; allow cores 0 and 1\n", core);
      return 1;
    }
  }
  std::atomic<int> on_their_cores{0};
  const auto meet = [&](int core) {
    stay_on(core);
    for (++on_their_cores; on_their_cores < 2;) std::this_thread::yield();
  };
  std::thread other([&] {
    meet(1);
    for (int turn = 1; turn <= kTurns; ++turn) {
      while (ping.load(std::memory_order_acquire) != turn) {
      }
      pong.store(turn, std::memory_order_release);
    }
  });
  meet(0);
  const auto begin = Clock::now();
  for (int turn = 1; turn <= kTurns; ++turn) {
    ping.store(turn, std::memory_order_release);
    while (pong.load(std::memory_order_acquire) != turn) {
    }
  }
  const std::chrono::duration<double, std::nano> time = Clock::now() - begin;
  other.join();
  std::printf("%.0f\n", time.count() / kTurns / 2);
}
