// Reads every given file strictly and tolerantly, from its path and from memory, alone and in
// threads, reads all beginnings of it, and packs its coefficients. Built with the sanitizers, which
// check the library without a Python interpreter. Exits with 0 unless the ways of reading disagree.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "jpeg/coefficients.h"
#include "jpeg/course.h"
#include "jpeg/packing.h"

namespace {

// Every message of the libjpeg in use; its header lists them if JMESSAGE is defined.
struct Message {
    int code;
    std::string_view name;
};
constexpr Message messages[] = {
#define JMESSAGE(code, text) {code, #code},
#include <jerror.h>
};

constexpr bool are_all_warnings_judged() {
    return std::all_of(std::begin(messages), std::end(messages), [](const Message& message) {
        return !message.name.starts_with("JWRN_") ||
               std::any_of(jpegcompile::warnings.begin(), jpegcompile::warnings.end(),
                           [&message](const auto& one) { return one.code == message.code; });
    });
}
static_assert(are_all_warnings_judged());

using jpegcompile::Image;
using jpegcompile::ReadError;
using jpegcompile::ReadOptions;
using jpegcompile::Source;

// Returns the bytes of packed coefficients; the buffer has exactly the promised size.
std::size_t packed_bytes(std::span<const std::int16_t> coefficients, std::size_t threads = 1) {
    const std::size_t blocks = coefficients.size() / jpegcompile::block_coefficients;
    const std::size_t groups =
        (blocks + jpegcompile::packed_group - 1) / jpegcompile::packed_group;
    std::vector<std::uint8_t> stream(blocks * jpegcompile::longest_record);
    std::vector<std::uint8_t> lengths(groups * jpegcompile::packed_group);
    std::vector<std::int32_t> offsets(groups);
    return jpegcompile::pack_blocks(coefficients, threads, stream.data(), lengths.data(),
                                    offsets.data());
}

// Returns "read" and a checksum, or the reason of the failure.
std::string outcome(const Source& source, const ReadOptions& options) {
    try {
        const Image image = jpegcompile::read_coefficients(source, options);
        std::uint64_t sum = 0;
        for (const auto& component : image.components) {
            const std::size_t count = component.block_rows * component.block_columns *
                                      jpegcompile::block_coefficients;
            const std::span<const std::int16_t> values(component.coefficients.get(), count);
            for (const auto value : values) {
                sum = sum * 31 + static_cast<std::uint16_t>(value);
            }
            sum = sum * 31 + packed_bytes(values);
        }
        return "read " + std::to_string(sum);
    } catch (const ReadError& error) {
        return error.what();
    }
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> paths(argv + 1, argv + argc);
    int status = 0;
    // No file has values that fill a record.
    constexpr std::size_t blocks = 5001;
    const std::vector<std::int16_t> extreme(blocks * jpegcompile::block_coefficients, -32768);
    if (packed_bytes(extreme, 4) != blocks * jpegcompile::longest_record) {
        std::fprintf(stderr, "blocks of -32768 are not packed into the longest records\n");
        status = 1;
    }
    for (const bool tolerant : {false, true}) {
        const ReadOptions options{tolerant, std::uint64_t{1} << 28};
        for (const auto& path : paths) {
            std::ifstream file(path, std::ios::binary);
            const std::vector<char> content{std::istreambuf_iterator<char>(file), {}};
            const std::span bytes(reinterpret_cast<const unsigned char*>(content.data()),
                                  content.size());
            const std::string from_path = outcome(path, options);
            if (from_path != outcome(bytes, options)) {
                std::fprintf(stderr, "%s: path and bytes disagree\n", path.c_str());
                status = 1;
            }
            std::printf("%s %s: %s\n", tolerant ? "tolerant" : "strict", path.c_str(),
                        from_path.c_str());
            const std::size_t step = std::max<std::size_t>(1, bytes.size() / 40);
            for (std::size_t size = 0; size < bytes.size(); size += step) {
                // A separate copy, so that the sanitizers detect reads past the end.
                const std::vector<unsigned char> beginning(bytes.begin(), bytes.begin() + size);
                static_cast<void>(outcome(std::span(beginning), options));
            }
            const std::vector<Source> sources(8, Source(path));
            const auto many = jpegcompile::read_coefficients_many(sources, options, 4);
            if (many.failure.has_value() != (from_path.rfind("read ", 0) != 0)) {
                std::fprintf(stderr, "%s: one and many disagree\n", path.c_str());
                status = 1;
            }
        }
    }
    return status;
}
