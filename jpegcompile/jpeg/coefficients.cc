#include "jpeg/coefficients.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <mutex>
#include <utility>
#include <vector>

#include "jpeg/huffman/clean.h"
#include "jpeg/packed_image.h"
#include "jpeg/reader.h"
#include "jpeg/source.h"
#include "jpeg/work.h"

namespace jpegcompile {
namespace {

Image read_stream(InputStream& stream, const ReadOptions& options) {
    Reader reader(stream, options);
    return reader.read();
}

Image read_bytes(std::span<const unsigned char> bytes, const ReadOptions& options) {
    if (std::optional<Image> image = huffman::read_clean(bytes, options)) {
        return std::move(*image);
    }
    return read_with_libjpeg(bytes, options);
}

Image read_file(const std::string& path, const ReadOptions& options) {
    const InputFile file(path);
    if (const FileBytes whole = file.read_whole(); whole.memory != nullptr) {
        return read_bytes({whole.memory.get(), whole.size}, options);
    }
    InputStream stream(file);
    return read_stream(stream, options);
}

// State shared by the threads of one `read_coefficients_many`.
class Batch {
public:
    Batch(std::span<const Source> sources, const ReadOptions& options, std::size_t threads)
        : sources_(sources), options_(options), order_(order_of_work(sources, threads)) {
        result_.images.resize(sources.size());
    }

    // Reads sources until none is left. After a failure, sources with a higher index are skipped.
    // Sources with a lower index are still read, so the failure with the lowest index is always
    // found.
    void work() noexcept {
        while (true) {
            const std::size_t turn = next_.fetch_add(1, std::memory_order_relaxed);
            if (turn >= order_.size()) {
                return;
            }
            const std::size_t index = order_[turn];
            if (index > lowest_failure_.load(std::memory_order_relaxed)) {
                continue;
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
        if (!result_.failure.has_value() || index < result_.failing_index) {
            result_.failure = error;  // copying an exception of the standard library cannot throw
            result_.failing_index = index;
            lowest_failure_ = index;
        }
    }

    std::span<const Source> sources_;
    const ReadOptions& options_;
    const std::vector<std::size_t> order_;
    std::atomic<std::size_t> next_{0};
    std::atomic<std::size_t> lowest_failure_{std::numeric_limits<std::size_t>::max()};
    std::mutex mutex_;
    // Constructed in advance, because construction allocates.
    const ReadError out_of_memory_{FailureKind::memory, "not enough memory"};
    ReadManyResult result_;
};

}  // namespace

Image read_coefficients(const Source& source, const ReadOptions& options) {
    if (const auto* path = std::get_if<std::string>(&source)) {
        return read_file(*path, options);
    }
    if (const auto* packed = std::get_if<PackedSource>(&source)) {
        return read_packed(*packed, options);
    }
    return read_bytes(std::get<std::span<const unsigned char>>(source), options);
}

Image read_with_libjpeg(std::span<const unsigned char> bytes, const ReadOptions& options) {
    InputStream stream(bytes);
    return read_stream(stream, options);
}

ReadManyResult read_coefficients_many(std::span<const Source> sources, const ReadOptions& options,
                                      std::size_t threads) {
    Batch batch(sources, options, threads);
    share_work(std::min(threads, sources.size()), [&batch] { batch.work(); });
    return batch.finish();
}

}  // namespace jpegcompile
