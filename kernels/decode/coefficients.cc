#include "coefficients.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "reader.h"
#include "source.h"

namespace jpegcompile {
namespace {

Image read_stream(InputStream& stream, const ReadOptions& options) {
    Reader reader(stream, options);
    return reader.read();
}

// The state that the threads of one `read_coefficients_many` share.
class Batch {
public:
    Batch(std::span<const Source> sources, const ReadOptions& options)
        : sources_(sources), options_(options) {
        result_.images.resize(sources.size());
    }

    // Takes sources in order until none is left or one has failed. Since they are taken in order,
    // every source below a failing one is finished too, and the lowest failure is always found.
    void work() noexcept {
        while (!stop_.load(std::memory_order_relaxed)) {
            const std::size_t index = next_.fetch_add(1, std::memory_order_relaxed);
            if (index >= sources_.size()) {
                return;
            }
            try {
                result_.images[index] = read_coefficients(sources_[index], options_);
            } catch (const ReadError& error) {
                record(index, error);
            } catch (...) {
                record(index, out_of_memory_);
            }
        }
    }

    [[nodiscard]] ReadManyResult finish() noexcept { return std::move(result_); }

private:
    void record(std::size_t index, const ReadError& error) noexcept {
        const std::scoped_lock lock(mutex_);
        stop_ = true;
        if (!result_.failure.has_value() || index < result_.failing_index) {
            result_.failure = error;  // copying an exception of the standard library cannot throw
            result_.failing_index = index;
        }
    }

    std::span<const Source> sources_;
    const ReadOptions& options_;
    std::atomic<std::size_t> next_{0};
    std::atomic<bool> stop_{false};
    std::mutex mutex_;
    // Made beforehand: when memory has run out, it could not be.
    const ReadError out_of_memory_{FailureKind::memory, "not enough memory"};
    ReadManyResult result_;
};

}  // namespace

Image read_coefficients(const Source& source, const ReadOptions& options) {
    if (const auto* path = std::get_if<std::string>(&source)) {
        const InputFile file(*path);
        InputStream stream(file);
        return read_stream(stream, options);
    }
    InputStream stream(std::get<std::span<const unsigned char>>(source));
    return read_stream(stream, options);
}

ReadManyResult read_coefficients_many(std::span<const Source> sources, const ReadOptions& options,
                                      std::size_t threads) {
    Batch batch(sources, options);
    {
        std::vector<std::jthread> helpers;  // joined when they go out of scope
        const std::size_t count = std::min(threads, sources.size());
        helpers.reserve(count);
        try {
            while (helpers.size() + 1 < count) {
                helpers.emplace_back([&batch] { batch.work(); });
            }
        } catch (const std::system_error&) {
            // The system gives no more threads: those that there are do the work.
        }
        batch.work();
    }
    return batch.finish();
}

}  // namespace jpegcompile
