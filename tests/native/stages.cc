// How threads divide items, without any operator.
#include "work/stages.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "pool.h"

namespace jpegcompile {
namespace {

void require(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error("stages: " + what);
}

void run(stand_in::Pool& pool, size_t threads, Stages& stages) {
  pool.run([](void* all, size_t) { static_cast<Stages*>(all)->take_part(); }, threads, &stages);
  stages.finish();
}

// A single thread takes its own share in ascending order, and the other share, which has no thread,
// from its end.
void check_order() {
  Team team;
  team.grow(2);
  std::vector<size_t> order;
  const auto note = [&](size_t item) { order.push_back(item); };
  Stages stages(team, Stage{5, note});
  stages.take_part();
  stages.finish();
  require(order == std::vector<size_t>{0, 1, 4, 3, 2}, "one thread takes items in another order");
}

// Every item is done once, and the items of a stage after all earlier stages; with more or fewer
// threads than shares, and even if the thread of one share sleeps.
void check_all(size_t threads, size_t share_count) {
  constexpr size_t kItems = 37;
  stand_in::Pool pool(threads);
  Team team;
  team.grow(share_count);
  for (size_t round = 0; round < 20; ++round) {
    std::vector<std::atomic<int>> times(2 * kItems);
    std::atomic<size_t> first{0};
    std::atomic<bool> is_early{false};
    const auto sleep_at = [&](size_t item) {
      if (item == round) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    };
    const auto begin = [&](size_t item) {
      sleep_at(item);
      ++times[item];
      ++first;
    };
    const auto end = [&](size_t item) {
      sleep_at(item);
      if (first != kItems) is_early = true;
      ++times[kItems + item];
    };
    Stages stages(team, Stage{kItems, begin}, Stage{kItems, end});
    run(pool, threads, stages);
    require(!is_early, "an item begins before the stage in front of it has ended");
    for (const auto& count : times) require(count == 1, "an item is not done once");
  }
  require(team.size() >= share_count && team.size() <= std::max(threads, share_count),
          "a team of another size than its threads");
}

// Waits until a condition holds, or for some seconds.
template <typename Condition>
bool comes_true(const Condition& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

// A team grows to the number of threads that took part at once, and another thread takes over the
// items of a busy thread.
void check_late() {
  constexpr size_t kItems = 12;
  stand_in::Pool pool(2);
  Team team;
  std::atomic<size_t> begun{0};
  std::atomic<bool> holds{true};
  const auto meet = [&](size_t) {
    ++begun;
    if (!comes_true([&] { return begun == 2; })) holds = false;
  };
  Stages both(team, Stage{2, meet});
  run(pool, 2, both);
  require(holds && team.size() == 2, "two threads that took part are no team");
  std::atomic<size_t> others{0};
  const auto block = [&](size_t item) {
    if (item > 0) {
      ++others;
    } else if (!comes_true([&] { return others == kItems - 1; })) {
      holds = false;
    }
  };
  Stages late(team, Stage{kItems, block});
  run(pool, 2, late);
  require(holds, "nobody does what a late thread has left");
}

// An exception of an item is thrown once, and no later stage begins.
void check_failure() {
  stand_in::Pool pool(3);
  Team team;
  std::atomic<bool> goes_on{false};
  const auto fail = [](size_t item) {
    if (item == 3) throw std::runtime_error("expected");
  };
  const auto note = [&](size_t) { goes_on = true; };
  Stages stages(team, Stage{8, fail}, Stage{8, note});
  std::string message;
  try {
    run(pool, 3, stages);
  } catch (const std::runtime_error& error) {
    message = error.what();
  }
  require(message == "expected" && !goes_on, "an exception does not end the work");
}

}  // namespace

void check_stages() {
  check_order();
  for (const size_t threads : {1, 2, 5}) {
    for (const size_t shares : {1, 2, 3, 16}) check_all(threads, shares);
  }
  check_late();
  check_failure();
}

}  // namespace jpegcompile
