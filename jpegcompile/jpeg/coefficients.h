// Entropy decoding of JPEG files into their quantized DCT coefficients. The decoder in huffman/
// reads clean baseline files; libjpeg reads all others.
//
// This header does not depend on Python. Names follow ITU-T T.81: component, block, MCU, scan,
// frame.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "jpeg/memory.h"

namespace jpegcompile {

inline constexpr int block_coefficients = 64;
inline constexpr std::size_t block_bytes = block_coefficients * sizeof(std::int16_t);

// The coefficients of one component, row-major [block_rows, block_columns, 8, 8]. Blocks are in
// natural (not zigzag) order. The block counts cover the component's true size.
struct Component {
    std::size_t block_rows = 0;
    std::size_t block_columns = 0;
    CoefficientMemory coefficients;
    std::array<std::uint16_t, block_coefficients> quantization{};
    int horizontal_factor = 1;
    int vertical_factor = 1;
};

enum class ColorSpace { gray, ycbcr, rgb };

struct Image {
    std::vector<Component> components;
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    ColorSpace color_space = ColorSpace::gray;
    bool progressive = false;
    int orientation = 1;  // how to turn the image for display, 1 to 8: see Orientation
};

// Checks the header of an image before memory for its coefficients is allocated. Throws ReadError
// to refuse the image.
using CheckFrame = std::function<void(const Image&)>;

struct ReadOptions {
    bool tolerant = false;         // keep the readable part of damaged data
    std::uint64_t max_pixels = 0;  // width times height, checked before anything is allocated
    CheckFrame check_frame = {};
};

// An image with packed coefficients (packed_image.h), and the tables that it refers to.
struct PackedSource {
    std::span<const unsigned char> record;
    std::span<const unsigned char> tables;
};

// The path of a regular file, a JPEG file that is already in memory, or a packed image.
using Source = std::variant<std::string, std::span<const unsigned char>, PackedSource>;

// Python maps each kind to an error class and a message code (jpegcompile/jpeg/failures.py).
enum class FailureKind {
    access,          // the file cannot be opened or read
    memory,          // not enough memory
    not_jpeg,        // the data is not a JPEG file
    damaged,         // the data is damaged or incomplete
    unsupported,     // a kind of JPEG file that is not read, or not by this model
    too_large,       // more pixels than the limit
    too_many_scans,  // more scans than the limit
};

// Why a source was not read. `what()` is one line: the cause, and what to do.
class ReadError : public std::runtime_error {
public:
    ReadError(FailureKind kind, const std::string& cause)
        : std::runtime_error(cause), kind_(kind) {}
    // `option` is advice for callers that can set `ReadOptions`.
    ReadError(FailureKind kind, const std::string& cause, const std::string& option)
        : std::runtime_error(cause + "; " + option), kind_(kind), cause_size_(cause.size()) {}

    [[nodiscard]] FailureKind kind() const noexcept { return kind_; }
    // `what()` without the advice on options.
    [[nodiscard]] std::string cause() const { return std::string(what()).substr(0, cause_size_); }

private:
    FailureKind kind_;
    std::size_t cause_size_ = std::string::npos;
};

// Throws ReadError.
[[nodiscard]] Image read_coefficients(const Source& source, const ReadOptions& options);

// Reads with libjpeg alone. libjpeg reads every file that `read_coefficients` reads and returns the
// same coefficients. Throws ReadError.
[[nodiscard]] Image read_with_libjpeg(std::span<const unsigned char> bytes,
                                      const ReadOptions& options);

struct ReadManyResult {
    std::vector<Image> images;         // one per source, unless there was a failure
    std::optional<ReadError> failure;  // the failure with the lowest index
    std::size_t failing_index = 0;
};

// Reads every source on at most `threads` threads, including the caller's. After a failure, sources
// with a higher index are not started. Throws std::bad_alloc only.
[[nodiscard]] ReadManyResult read_coefficients_many(std::span<const Source> sources,
                                                    const ReadOptions& options,
                                                    std::size_t threads);

}  // namespace jpegcompile
