// Reads a file of a given size and sampling into the planes of `--input coefficients`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "jpeg/coefficients.h"

namespace jpegcompile {

// Number of luma samples per chroma sample along each axis.
struct LumaFactors {
    int horizontal = 1;
    int vertical = 1;
};

// The files that a compiled model accepts.
struct FrameKind {
    std::uint32_t height = 0;
    std::uint32_t width = 0;
    bool has_chroma = false;
    LumaFactors factors;       // luma factors, if the model has chroma
    bool takes_color = false;  // without chroma: also accept the luma of color files
};

// Extents of a plane in blocks.
struct BlockExtents {
    std::size_t rows = 0;
    std::size_t columns = 0;
    [[nodiscard]] std::size_t coefficients() const noexcept {
        return rows * columns * block_coefficients;
    }
};

// Sets the subsampling by name, "4:4:4" to "4:1:1" or "gray". Returns false for unknown names.
[[nodiscard]] bool set_subsampling(FrameKind& kind, const std::string& name);

[[nodiscard]] BlockExtents luma_extents(const FrameKind& kind) noexcept;
// Returns no rows and columns without chroma.
[[nodiscard]] BlockExtents chroma_extents(const FrameKind& kind) noexcept;

// Reads a file of that kind strictly: damaged data is an error. Allocates memory only after the
// header is checked. Throws ReadError, which says how the file differs from the kind.
[[nodiscard]] Image read_planes(std::span<const unsigned char> bytes, const FrameKind& kind);

// The targets for the planes of an image.
struct PlaneTargets {
    std::int16_t* luma = nullptr;           // [rows, columns, 8, 8] of `luma_extents`
    std::int16_t* chroma = nullptr;         // [2, rows, columns, 8, 8] of `chroma_extents`
    std::uint16_t* quantization = nullptr;  // [3, 8, 8], [1, 8, 8] without chroma
};

// Copies the planes of an image from `read_planes` for the same `kind`. Throws ReadError if a plane
// has the wrong size.
void copy_planes(const Image& image, const FrameKind& kind, const PlaneTargets& to);

}  // namespace jpegcompile
