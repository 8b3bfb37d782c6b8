// Random changes of JPEG files that leave many of them readable.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

using Bytes = std::vector<unsigned char>;

class Mutator {
public:
    explicit Mutator(std::uint64_t seed) : random_(seed) {}

    // One of `seeds` with a few changes.
    [[nodiscard]] Bytes next(const std::vector<Bytes>& seeds);

private:
    std::size_t below(std::size_t count) { return random_() % count; }
    void change(Bytes& bytes, std::size_t begin, std::size_t end);
    void change_segment(Bytes& bytes);
    void change_symbols(Bytes& bytes);
    void change_scan(Bytes& bytes);

    std::mt19937_64 random_;
};
