// Runs a fuzz target on files without a fuzzer: each as it is, all its beginnings, and with each of
// its bytes changed in turn. So every compiler with sanitizers can go over a corpus.
//
//     replay_decode FILE...
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <span>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size);

namespace {

// On a copy of exactly that size, so that reading beyond its end is seen.
void run(std::span<const unsigned char> bytes) {
    const std::vector<unsigned char> copy(bytes.begin(), bytes.end());
    LLVMFuzzerTestOneInput(copy.data(), copy.size());
}

std::size_t replay(std::vector<unsigned char> bytes) {
    run(bytes);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        run(std::span(bytes).first(size));
    }
    for (unsigned char& byte : bytes) {
        const unsigned char whole = byte;
        for (const unsigned char change : {0x01, 0x10, 0xFF}) {
            byte = whole ^ change;
            run(bytes);
        }
        byte = whole;
    }
    return 1 + 4 * bytes.size();
}

}  // namespace

int main(int argc, char** argv) {
    std::size_t runs = 0;
    for (const char* path : std::span(argv, static_cast<std::size_t>(argc)).subspan(1)) {
        std::ifstream file(path, std::ios::binary);
        if (!file) {
            std::fprintf(stderr, "%s: cannot read\n", path);
            return 1;
        }
        const std::vector<char> content{std::istreambuf_iterator<char>(file), {}};
        runs += replay({content.begin(), content.end()});
    }
    std::printf("%d files replayed, %zu runs\n", argc - 1, runs);
    return runs > 0 ? 0 : 1;
}
