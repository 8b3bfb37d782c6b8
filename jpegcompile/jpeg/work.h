// Distributes sources among threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "jpeg/coefficients.h"

namespace jpegcompile {

// Size of a source in bytes. 0 for a file that cannot be read; reading it later reports the error.
[[nodiscard]] std::uintmax_t size_of(const Source& source) noexcept;

// Indices of the sources in the order of work. With several threads the largest source comes first,
// so that small sources at the end keep the other threads busy.
[[nodiscard]] std::vector<std::size_t> order_of_work(std::span<const Source> sources,
                                                     std::size_t threads);

// Calls `work` on up to `threads` threads, including the caller's, and waits for all. If the system
// refuses to start more threads, the running ones do the work. `work` must not throw.
void share_work(std::size_t threads, const std::function<void()>& work);

}  // namespace jpegcompile
