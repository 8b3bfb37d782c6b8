// Entropy decoding of JPEG files into their quantised DCT coefficients: clean baseline files by a
// decoder of our own (huffman/), all others by libjpeg.
//
// Nothing here knows Python. ITU-T T.81 names are used: component, block, MCU, scan, frame.
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

// The coefficients of one component, row-major [block_rows, block_columns, 8, 8]; each block is
// in natural (not zigzag) order. The block counts cover the component's true size.
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

// Looks at an image whose coefficients are not there yet, before memory is taken for them; throws
// ReadError where it is not wanted.
using CheckFrame = std::function<void(const Image&)>;

struct ReadOptions {
    bool tolerant = false;         // keep what can be read of damaged data
    std::uint64_t max_pixels = 0;  // width times height, checked before anything is allocated
    CheckFrame check_frame = {};
};

// Either the path of a regular file, or a JPEG file that is already in memory.
using Source = std::variant<std::string, std::span<const unsigned char>>;

enum class FailureKind { image, access, memory };

// Why a source was not read. `what()` is one line: the cause, and what to do about it.
class ReadError : public std::runtime_error {
public:
    ReadError(FailureKind kind, const std::string& cause)
        : std::runtime_error(cause), kind_(kind) {}
    // With advice that only callers can follow who set `ReadOptions`.
    ReadError(FailureKind kind, const std::string& cause, const std::string& option)
        : std::runtime_error(cause + "; " + option), kind_(kind), cause_size_(cause.size()) {}

    [[nodiscard]] FailureKind kind() const noexcept { return kind_; }
    // `what()` without that advice.
    [[nodiscard]] std::string cause() const { return std::string(what()).substr(0, cause_size_); }

private:
    FailureKind kind_;
    std::size_t cause_size_ = std::string::npos;
};

// Throws ReadError.
[[nodiscard]] Image read_coefficients(const Source& source, const ReadOptions& options);

// The same by libjpeg alone, which reads every file that `read_coefficients` reads, and gives the
// same coefficients.
[[nodiscard]] Image read_with_libjpeg(std::span<const unsigned char> bytes,
                                      const ReadOptions& options);

struct ReadManyResult {
    std::vector<Image> images;             // one a source, unless there was a failure
    std::optional<ReadError> failure;      // that of the lowest failing index
    std::size_t failing_index = 0;
};

// Reads every source, with at most `threads` threads of which the caller's is one. After a
// failure no source above it is started. Throws nothing but std::bad_alloc.
[[nodiscard]] ReadManyResult read_coefficients_many(std::span<const Source> sources,
                                                    const ReadOptions& options,
                                                    std::size_t threads);

}  // namespace jpegcompile
