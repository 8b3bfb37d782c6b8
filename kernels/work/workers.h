// The threads that work on one call of a kernel.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "work/stages.h"

namespace jpegcompile {

// Whoever has a pool of threads tells in `run` how they take part.
class Workers {
 public:
  // Threads that have been seen to take part in the node.
  int64_t threads() const { return static_cast<int64_t>(team_.size()); }
  // Tasks that keep these threads busy although some finish before others; no fewer than `least`,
  // which should be several, since no more threads than tasks can be seen.
  int64_t wanted_tasks(int64_t least) const { return std::max(least, 2 * threads()); }

  // Calls work(i) for i in [0, count) on the threads of the session, each i once, in any order.
  template <typename Work>
  void parallel(size_t count, const Work& work) const {
    in_turn(Stage{count, work});
  }

  // Stages one after the other: none begins before the one in front of it has ended.
  template <typename... Works>
  void in_turn(const Stage<Works>&... stages) const {
    Stages all(team_, stages...);
    run(all);
  }

 protected:
  explicit Workers(Team& team) : team_(team) {}
  ~Workers() = default;

 private:
  // Lets threads take part in all stages, and ends when they have.
  virtual void run(Stages& stages) const = 0;

  Team& team_;
};

}  // namespace jpegcompile
