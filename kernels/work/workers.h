// The threads that work on one call of a kernel.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "work/stages.h"

namespace jpegcompile {

// Interface to a thread pool; `run` defines how its threads take part.
class Workers {
 public:
  // Number of threads seen working on the node so far.
  int64_t threads() const { return static_cast<int64_t>(team_.size()); }
  // Number of tasks that keeps these threads busy even if some finish early; at least `least`.
  // `least` should be several, because no more threads than tasks can be seen.
  int64_t wanted_tasks(int64_t least) const { return std::max(least, 2 * threads()); }

  // Calls work(i) for each i in [0, count) once, on the threads of the session, in any order.
  template <typename Work>
  void parallel(size_t count, const Work& work) const {
    in_turn(Stage{count, work});
  }

  // Runs stages one after the other: a stage begins when the stage before it has ended.
  template <typename... Works>
  void in_turn(const Stage<Works>&... stages) const {
    Stages all(team_, stages...);
    run(all);
  }

 protected:
  explicit Workers(Team& team) : team_(team) {}
  ~Workers() = default;

 private:
  // Lets threads take part in all stages, and returns when they have ended.
  virtual void run(Stages& stages) const = 0;

  Team& team_;
};

}  // namespace jpegcompile
