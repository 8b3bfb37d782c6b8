// A file of one given size and sampling as the planes that `--input coefficients` takes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "jpeg/coefficients.h"

namespace jpegcompile {

// How many samples luma has for one of chroma, along each axis.
struct LumaFactors {
    int horizontal = 1;
    int vertical = 1;
};

// What a compiled file takes.
struct FrameKind {
    std::uint32_t height = 0;
    std::uint32_t width = 0;
    bool has_chroma = false;
    LumaFactors factors;       // of luma where it has chroma
    bool takes_color = false;  // without chroma: also the luma of files that have some
};

// Extents of a plane in blocks.
struct BlockExtents {
    std::size_t rows = 0;
    std::size_t columns = 0;
    [[nodiscard]] std::size_t coefficients() const noexcept {
        return rows * columns * block_coefficients;
    }
};

// Subsamplings by name, "4:4:4" to "4:1:1", "gray"; false where `name` is none of them.
[[nodiscard]] bool set_subsampling(FrameKind& kind, const std::string& name);

[[nodiscard]] BlockExtents luma_extents(const FrameKind& kind) noexcept;
// No rows and columns without chroma.
[[nodiscard]] BlockExtents chroma_extents(const FrameKind& kind) noexcept;

// Reads a file of that kind, strictly. Memory is taken only once its header is that of the kind.
// Throws ReadError, which says how another file differs.
[[nodiscard]] Image read_planes(std::span<const unsigned char> bytes, const FrameKind& kind);

// Where the planes of an image go.
struct PlaneTargets {
    std::int16_t* luma = nullptr;           // [rows, columns, 8, 8] of `luma_extents`
    std::int16_t* chroma = nullptr;         // [2, rows, columns, 8, 8] of `chroma_extents`
    std::uint16_t* quantization = nullptr;  // [3, 8, 8], [1, 8, 8] without chroma
};

// `image` is one that `read_planes` gave for `kind`. Throws ReadError if its planes are not as
// large as they have to be.
void copy_planes(const Image& image, const FrameKind& kind, const PlaneTargets& to);

}  // namespace jpegcompile
