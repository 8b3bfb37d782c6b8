// Reads every given file strictly and tolerantly, from its path and from memory, alone and in
// threads, reads all beginnings of it, and packs its coefficients. Packed images are unpacked again,
// as they are, damaged and cut short. Built with the sanitizers, which
// check the library without a Python interpreter. Exits with 0 unless the ways of reading disagree.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "jpeg/coefficients.h"
#include "jpeg/course.h"
#include "jpeg/open_rows.h"
#include "jpeg/packed_image.h"
#include "jpeg/packing.h"
#include "jpeg/unpacking.h"

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

// Exact memory, so that the sanitizers detect reads past the end.
std::unique_ptr<std::uint8_t[]> exactly(std::span<const std::uint8_t> bytes) {
    auto copy = std::make_unique_for_overwrite<std::uint8_t[]>(bytes.size());
    std::copy(bytes.begin(), bytes.end(), copy.get());
    return copy;
}

// Reads a packed image in both ways. Returns whether it is valid; both ways must agree.
bool reads_packed(std::span<const std::uint8_t> record, std::span<const std::uint8_t> tables) {
    const auto record_memory = exactly(record), table_memory = exactly(tables);
    const jpegcompile::PackedSource source{{record_memory.get(), record.size()},
                                           {table_memory.get(), tables.size()}};
    const ReadOptions options{false, std::uint64_t{1} << 28};
    bool is_valid = true, has_rows = true;
    try {
        static_cast<void>(jpegcompile::read_packed(source, options));
    } catch (const ReadError&) {
        is_valid = false;
    }
    try {
        const auto rows = jpegcompile::open_packed_rows(source, options);
        while (rows->next()) {
            static_cast<void>(rows->blocks(0, 0)[0]);
        }
    } catch (const ReadError&) {
        has_rows = false;
    }
    if (is_valid != has_rows) {
        throw std::logic_error("whole images and rows disagree");
    }
    return is_valid;
}

// Packs an image, and reads it as it is, with changed bytes, and cut short.
void check_packed(const Image& image, std::mt19937_64& random) {
    const auto [record, tables] = jpegcompile::packed_record(image);
    const Image again = jpegcompile::read_packed({record, tables}, {false, ~std::uint64_t{0}});
    if (jpegcompile::packed_record(again).bytes != record || !reads_packed(record, tables)) {
        throw std::logic_error("a packed image is not what was packed");
    }
    // Bytes near the beginning decide more.
    const std::size_t header = std::min<std::size_t>(record.size(), 64);
    for (int turn = 0; turn < 60; ++turn) {
        std::vector<std::uint8_t> changed = record;
        changed[random() % (turn % 2 == 0 ? header : record.size())] =
            static_cast<std::uint8_t>(random());
        static_cast<void>(reads_packed(changed, tables));
        changed.resize(random() % record.size());
        if (reads_packed(changed, tables)) {
            throw std::logic_error("a packed image that was cut short is valid");
        }
    }
    if (reads_packed(record, std::span(tables).first(tables.size() - 1))) {
        throw std::logic_error("tables that were cut short are valid");
    }
}

// Unpacks planes from random bytes.
void check_unpacking(std::mt19937_64& random) {
    using jpegcompile::BlockExtents;
    for (int turn = 0; turn < 2000; ++turn) {
        std::vector<std::uint8_t> stream(random() % 600), lengths(random() % 5 * 16);
        std::vector<std::int32_t> offsets(random() % 5);
        for (auto& byte : stream) {
            byte = static_cast<std::uint8_t>(random() & random() & random());
        }
        for (auto& length : lengths) {
            length = static_cast<std::uint8_t>(random() % 40);
        }
        for (auto& offset : offsets) {
            offset = static_cast<std::int32_t>(random() % 700) - 40;
        }
        const auto stream_memory = exactly(stream), length_memory = exactly(lengths);
        const std::vector<BlockExtents> extents{{2, 3}, {0, 0}, {4, 1}, {3, 5}};
        std::vector<std::int16_t> out(4 * 4 * 5 * jpegcompile::block_coefficients, -1);
        static_cast<void>(jpegcompile::unpack_planes(
            {{stream_memory.get(), stream.size()}, {length_memory.get(), lengths.size()}, offsets},
            random() % 40, extents, {4, 5}, 3, out.data()));
        std::vector<std::int16_t> block(jpegcompile::block_coefficients);
        static_cast<void>(
            jpegcompile::unpack_record({stream_memory.get(), stream.size()}, block.data()));
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
    std::mt19937_64 random(7);
    check_unpacking(random);
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
            if (from_path.rfind("read ", 0) == 0) {
                check_packed(jpegcompile::read_coefficients(bytes, options), random);
            }
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
