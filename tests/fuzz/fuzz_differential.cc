// Fuzzes differential.cc without a fuzzer's library, by any compiler.
//
//     fuzz_differential EXECUTIONS SEED [FILE...]
//
// Begins with the files and with random ones. What is taken after a change is changed again later,
// so that changes add up.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "mutations.h"
#include "seeds.h"

int compare_decoders(std::span<const unsigned char> bytes);

namespace {

constexpr std::size_t random_seeds = 1000;
constexpr std::size_t most_seeds = 5000;
constexpr std::size_t longest_seed = 4096;

Bytes current;

// Keeps the input that ended the program.
void keep_current(int signal) {
    if (std::FILE* const file = std::fopen("differs.jpg", "wb"); file != nullptr) {
        std::fwrite(current.data(), 1, current.size(), file);
        std::fclose(file);
    }
    std::signal(signal, SIG_DFL);
    std::raise(signal);
}

std::vector<Bytes> make_seeds(std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::vector<Bytes> seeds;
    while (seeds.size() < random_seeds) {
        current = random_jpeg(random);
        if (compare_decoders(current) == 0) {
            std::fprintf(stderr, "a random baseline file is not taken\n");
            std::abort();
        }
        seeds.push_back(current);
    }
    return seeds;
}

// Those that are taken.
std::vector<Bytes> read_seeds(std::span<char*> paths) {
    std::vector<Bytes> seeds;
    for (const char* path : paths) {
        std::ifstream file(path, std::ios::binary);
        const std::vector<char> content{std::istreambuf_iterator<char>(file), {}};
        if (compare_decoders({reinterpret_cast<const unsigned char*>(content.data()),
                              content.size()}) == 1) {
            seeds.emplace_back(content.begin(), content.end());
        }
    }
    return seeds;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::fprintf(stderr, "usage: fuzz_differential EXECUTIONS SEED [FILE...]\n");
        return 2;
    }
    const long long executions = std::atoll(argv[1]);
    const std::uint64_t seed = std::strtoull(argv[2], nullptr, 10);
    std::signal(SIGABRT, keep_current);
    std::signal(SIGSEGV, keep_current);
    std::vector<Bytes> seeds = make_seeds(seed);
    const std::vector<Bytes> given =
        read_seeds(std::span(argv, static_cast<std::size_t>(argc)).subspan(3));
    seeds.insert(seeds.end(), given.begin(), given.end());
    const std::size_t first_changed = seeds.size();
    Mutator mutator(seed);
    long long taken = 0;
    for (long long execution = 1; execution <= executions; ++execution) {
        current = mutator.next(seeds);
        // Of exactly that size, so that reading beyond its end is seen.
        current.shrink_to_fit();
        if (compare_decoders(current) == 1) {
            ++taken;
            if (current.size() <= longest_seed && taken % 16 == 0) {
                if (seeds.size() < most_seeds) {
                    seeds.push_back(current);
                } else {  // the first ones stay
                    const auto place = static_cast<std::size_t>(taken / 16);
                    seeds[first_changed + place % (most_seeds - first_changed)] = current;
                }
            }
        }
        if (execution % 1000000 == 0 || execution == executions) {
            std::printf("%lld executions, %lld compared, all equal\n", execution, taken);
            std::fflush(stdout);
        }
    }
    return 0;
}
