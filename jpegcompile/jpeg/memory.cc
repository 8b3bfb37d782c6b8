#include "jpeg/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace jpegcompile {
namespace {

constexpr std::size_t smallest_pooled = std::size_t{32} << 10;  // malloc handles smaller ones well
constexpr std::size_t most_idle_bytes = std::size_t{64} << 20;
constexpr std::size_t huge_page = std::size_t{2} << 20;  // of x86-64, and of most others

struct IdleMemory {
    void* memory = nullptr;
    std::size_t bytes = 0;
};

// Idle allocations, found by best fit. No thread waits for the pool: if it is locked, the caller
// uses malloc. So a fork while the pool is locked is harmless. The pool has no destructor, because
// arrays may outlive static objects; the process frees its memory at exit.
class IdlePool {
public:
    // Returns memory of at least `bytes` and at most a quarter more, or none.
    IdleMemory take(std::size_t bytes) noexcept {
        IdleMemory found;
        if (lock_.test_and_set(std::memory_order_acquire)) {
            return found;
        }
        IdleMemory* best = nullptr;
        for (IdleMemory& slot : slots_) {
            if (slot.bytes >= bytes && slot.bytes - bytes <= bytes / 4 &&
                (best == nullptr || slot.bytes < best->bytes)) {
                best = &slot;
            }
        }
        if (best != nullptr) {
            found = std::exchange(*best, IdleMemory{});
            idle_bytes_ -= found.bytes;
        }
        lock_.clear(std::memory_order_release);
        return found;
    }

    // Returns whether the pool has accepted the memory.
    bool give(IdleMemory idle) noexcept {
        if (lock_.test_and_set(std::memory_order_acquire)) {
            return false;
        }
        IdleMemory* const slot = std::find_if(slots_.begin(), slots_.end(), [](const auto& other) {
            return other.memory == nullptr;
        });
        const bool fits = slot != slots_.end() && idle_bytes_ + idle.bytes <= most_idle_bytes;
        if (fits) {
            *slot = idle;
            idle_bytes_ += idle.bytes;
        }
        lock_.clear(std::memory_order_release);
        return fits;
    }

private:
    std::atomic_flag lock_;
    std::array<IdleMemory, 256> slots_{};
    std::size_t idle_bytes_ = 0;
};

constinit IdlePool idle_pool;

// Returns idle memory, or none.
IdleMemory take_idle(std::size_t bytes) noexcept {
    const bool is_pooled = bytes >= smallest_pooled && bytes <= most_idle_bytes;
    return is_pooled ? idle_pool.take(bytes) : IdleMemory{};
}

// Returns fresh memory that will soon be written completely. Huge pages avoid most page faults of
// large frames. The advice has no effect on systems without huge pages.
void* allocate_fresh(std::size_t bytes) noexcept {
#if defined(MADV_HUGEPAGE)
    if (bytes >= 2 * huge_page) {
        const std::size_t whole_pages = bytes & ~(huge_page - 1);
        void* const memory = std::aligned_alloc(huge_page, whole_pages + huge_page);
        if (memory != nullptr) {
            ::madvise(memory, whole_pages, MADV_HUGEPAGE);
        }
        return memory;
    }
#endif
    return std::malloc(bytes);
}

// Returns memory with undefined contents. The deleter records the true size of the memory, not the
// requested one, because the pool searches by true size.
template <typename Memory>
Memory allocate(std::size_t bytes) noexcept {
    IdleMemory memory = take_idle(bytes);
    if (memory.memory == nullptr) {
        memory = {allocate_fresh(bytes), bytes};
    }
    return {static_cast<typename Memory::pointer>(memory.memory), RecycleMemory{memory.bytes}};
}

}  // namespace

void RecycleMemory::operator()(void* memory) const noexcept {
    if (bytes < smallest_pooled || bytes > most_idle_bytes || !idle_pool.give({memory, bytes})) {
        std::free(memory);
    }
}

CoefficientMemory allocate_zeroed(std::size_t bytes) noexcept {
    if (const IdleMemory idle = take_idle(bytes); idle.memory != nullptr) {
        std::memset(idle.memory, 0, bytes);
        return {static_cast<std::int16_t*>(idle.memory), RecycleMemory{idle.bytes}};
    }
    return {static_cast<std::int16_t*>(std::calloc(bytes, 1)), RecycleMemory{bytes}};
}

CoefficientMemory allocate_coefficients(std::size_t bytes) noexcept {
    return allocate<CoefficientMemory>(bytes);
}

ByteMemory allocate_bytes(std::size_t bytes) noexcept { return allocate<ByteMemory>(bytes); }

}  // namespace jpegcompile
