// Sources shared among threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "jpeg/coefficients.h"

namespace jpegcompile {

// Bytes of a source; 0 for a file that cannot be read, which will say so when it is its turn.
[[nodiscard]] std::uintmax_t size_of(const Source& source) noexcept;

// Indices of the sources, the largest first where there are several threads: the small ones at the
// end then fill the time that the last large one takes.
[[nodiscard]] std::vector<std::size_t> order_of_work(std::span<const Source> sources,
                                                     std::size_t threads);

// Calls `work` by at most so many threads at once, of which the caller's is one, and waits for all.
// Where the system gives no more threads, those that there are do the work. `work` throws nothing.
void share_work(std::size_t threads, const std::function<void()>& work);

}  // namespace jpegcompile
