// When kernels return unused memory to the system, with the test's own clock.
#include "work/workspace.h"

#include <stdexcept>
#include <string>

#include "check.h"

namespace jpegcompile {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr size_t kLarge = size_t{4} << 20, kMiddle = size_t{1} << 20, kLittle = 1000;

void require(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error("workspace: " + what);
}

// A model that runs repeatedly keeps all its memory, although most requests are small.
void check_steady(Buffer& buffer, Buffer::Clock::time_point now) {
  buffer.floats(kLarge, now);
  const float* const memory = buffer.data();
  for (int run = 0; run < 50; ++run) {
    for (int node = 0; node < 9; ++node) buffer.floats(kLittle, now += milliseconds(500));
    buffer.floats(run % 2 == 0 ? kLarge : kLarge / 2 + 1, now += seconds(1));
    require(buffer.data() == memory && buffer.capacity() == kLarge, "memory in use moves");
  }
}

// After a large request, memory shrinks to what later requests need, and not below the last one.
void check_shrinking(Buffer& buffer, Buffer::Clock::time_point now) {
  buffer.floats(kLarge, now);
  buffer.floats(kMiddle, now += Buffer::kKept / 2);
  buffer.floats(kLittle, now += Buffer::kKept / 2);
  require(buffer.capacity() == kLarge, "memory goes too early");
  buffer.floats(kLittle, now += seconds(1));
  require(buffer.capacity() == kMiddle, "memory of a large request stays");
  buffer.floats(kLittle, now += Buffer::kKept + seconds(1));
  require(buffer.capacity() == kLittle, "memory stays the second time");
  buffer.floats(kMiddle, now += seconds(1));
  require(buffer.capacity() == kMiddle, "memory does not grow again");
}

void check_small(Buffer& buffer, Buffer::Clock::time_point now) {
  constexpr size_t kMax = Buffer::kSmall / sizeof(float);
  buffer.floats(kMax, now);
  buffer.floats(1, now += 100 * Buffer::kKept);
  buffer.release_unused(now + 100 * Buffer::kKept);
  require(buffer.capacity() == kMax, "little memory is given back");
}

void check_unused(Buffer& buffer, Buffer::Clock::time_point now) {
  buffer.floats(kLarge, now);
  buffer.floats(kLittle, now += seconds(3));
  buffer.release_unused(now + Buffer::kKept);
  require(buffer.capacity() == kLarge, "memory that was just used goes");
  buffer.release_unused(now + Buffer::kKept + seconds(1));
  require(buffer.capacity() == 0, "memory that nobody uses stays");
}

template <typename Check>
void with_buffer(const Check& check) {
  Buffer buffer;
  check(buffer, Buffer::Clock::time_point{} + seconds(1000));
}

}  // namespace

void check_workspace() {
  with_buffer(check_steady);
  with_buffer(check_shrinking);
  with_buffer(check_small);
  with_buffer(check_unused);
}

}  // namespace jpegcompile
