#include "jpeg/work.h"

#include <algorithm>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <numeric>
#include <string>
#include <system_error>
#include <thread>
#include <variant>

namespace jpegcompile {

std::uintmax_t size_of(const Source& source) noexcept {
    if (const auto* path = std::get_if<std::string>(&source)) {
        try {
            return std::filesystem::file_size(*path);
        } catch (const std::exception&) {
            return 0;
        }
    }
    if (const auto* packed = std::get_if<PackedSource>(&source)) {
        return packed->record.size();
    }
    return std::get<std::span<const unsigned char>>(source).size();
}

std::vector<std::size_t> order_of_work(std::span<const Source> sources, std::size_t threads) {
    std::vector<std::size_t> order(sources.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    if (threads > 1) {
        std::vector<std::uintmax_t> sizes(sources.size());
        std::transform(sources.begin(), sources.end(), sizes.begin(), size_of);
        std::stable_sort(order.begin(), order.end(),
                         [&sizes](std::size_t a, std::size_t b) { return sizes[a] > sizes[b]; });
    }
    return order;
}

void share_work(std::size_t threads, const std::function<void()>& work) {
    std::vector<std::jthread> helpers;  // joined when they go out of scope
    helpers.reserve(threads);
    try {
        while (helpers.size() + 1 < threads) {
            helpers.emplace_back(work);
        }
    } catch (const std::system_error&) {
        // The system refuses to start more threads: the running ones do the work.
    }
    work();
}

}  // namespace jpegcompile
