// Fuzz target of the way from the bytes of a file to what JpegDecode gives: the reader, strict and
// tolerant, and the copy into planes of exactly the size that the header asks for. Everything that
// reads or writes beyond memory, leaks or is undefined is for the sanitizers; what must hold of
// results is checked here. `docs/fuzzing.md` says how to run it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>

#include "jpeg/planes.h"

namespace {

using namespace jpegcompile;

// Larger frames cost time and find nothing that smaller ones do not.
constexpr std::uint64_t most_pixels = 1 << 12;

// Aborts where something does not hold, so that the input is kept as one that crashes.
void require(bool holds) {
    if (!holds) {
        std::abort();
    }
}

std::optional<Image> read(std::span<const unsigned char> bytes, const ReadOptions& options) {
    try {
        return read_coefficients(bytes, options);
    } catch (const ReadError& error) {
        require(!error.cause().empty());
        return std::nullopt;
    }
}

bool has_factors(const Component& fine, const Component& coarse, LumaFactors times) {
    return fine.horizontal_factor == times.horizontal * coarse.horizontal_factor &&
           fine.vertical_factor == times.vertical * coarse.vertical_factor;
}

// The kind that JpegDecode must take the image as, if there is one.
std::optional<FrameKind> kind_of(const Image& image) {
    FrameKind kind{image.height, image.width, image.components.size() == 3, {}, true};
    if (image.color_space == ColorSpace::rgb) {
        return std::nullopt;
    }
    for (const char* name : {"4:4:4", "4:2:2", "4:4:0", "4:2:0", "4:1:1"}) {
        if (!kind.has_chroma) {
            break;
        }
        const Component &luma = image.components[0], &chroma = image.components[1];
        const bool is_known = set_subsampling(kind, name);
        if (is_known && has_factors(luma, chroma, kind.factors) &&
            has_factors(chroma, image.components[2], {1, 1})) {
            return kind;
        }
    }
    return kind.has_chroma ? std::nullopt : std::optional(kind);
}

bool equal(const Component& component, const std::int16_t* plane, const std::uint16_t* table,
           BlockExtents extents) {
    const std::int16_t* read = component.coefficients.get();
    for (std::size_t index = 0; index < extents.coefficients(); ++index) {
        if (read[index] != plane[index]) {
            return false;
        }
    }
    for (std::size_t index = 0; index < block_coefficients; ++index) {
        if (component.quantization[index] != table[index] || table[index] == 0) {
            return false;
        }
    }
    return true;
}

// As the kernel of JpegDecode does it, into memory that ends where its outputs end.
void check_planes(const Image& image, const FrameKind& kind, const Image& expected) {
    const BlockExtents luma = luma_extents(kind), chroma = chroma_extents(kind);
    const std::size_t count = kind.has_chroma ? 3 : 1;
    const auto luma_plane = std::make_unique<std::int16_t[]>(luma.coefficients());
    const auto chroma_planes = std::make_unique<std::int16_t[]>(2 * chroma.coefficients());
    const auto tables = std::make_unique<std::uint16_t[]>(count * block_coefficients);
    copy_planes(image, kind, {luma_plane.get(), chroma_planes.get(), tables.get()});
    require(equal(expected.components[0], luma_plane.get(), tables.get(), luma));
    for (std::size_t index = 1; index < count; ++index) {
        require(equal(expected.components[index],
                      chroma_planes.get() + (index - 1) * chroma.coefficients(),
                      tables.get() + index * block_coefficients, chroma));
    }
}

// Whether the file is taken as one of that kind.
bool decode(std::span<const unsigned char> bytes, const FrameKind& kind, const Image& expected) {
    std::optional<Image> image;
    try {
        image = read_planes(bytes, kind);
    } catch (const ReadError&) {
        return false;
    }
    check_planes(*image, kind, expected);  // a file that was taken fits: nothing is thrown here
    return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const std::span bytes(data, size);
    const std::optional<Image> strict = read(bytes, {false, most_pixels, {}});
    if (!strict) {
        // Tolerant reading goes on where strict reading has stopped.
        static_cast<void>(read(bytes, {true, most_pixels, {}}));
        return 0;
    }
    if (const std::optional<FrameKind> kind = kind_of(*strict)) {
        require(decode(bytes, *kind, *strict));
    }
    // Of a color file luma alone, which is refused where luma is not sampled fully.
    const FrameKind luma{strict->height, strict->width, false, {}, true};
    require(decode(bytes, luma, *strict) || strict->components.size() == 3);
    return 0;
}
