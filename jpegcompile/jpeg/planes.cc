#include "jpeg/planes.h"

#include <algorithm>
#include <limits>

#include "generated/subsamplings.h"

namespace jpegcompile {
namespace {

constexpr std::uint32_t ceil_div(std::uint32_t count, std::uint32_t step) {
    return (count + step - 1) / step;
}

bool equal_factors(const Component& a, const Component& b) {
    return a.horizontal_factor == b.horizontal_factor && a.vertical_factor == b.vertical_factor;
}

// The ratio of the luma factors to the chroma factors; {0, 0} if the ratio is not a whole number.
LumaFactors luma_factors(const Image& frame) {
    const Component &luma = frame.components[0], &chroma = frame.components[1];
    if (!equal_factors(chroma, frame.components[2]) ||
        luma.horizontal_factor % chroma.horizontal_factor != 0 ||
        luma.vertical_factor % chroma.vertical_factor != 0) {
        return {0, 0};
    }
    return {luma.horizontal_factor / chroma.horizontal_factor,
            luma.vertical_factor / chroma.vertical_factor};
}

std::string name_of(LumaFactors factors) {
    for (const Subsampling& known : kSubsamplings) {
        if (known.horizontal == factors.horizontal && known.vertical == factors.vertical) {
            return known.name;
        }
    }
    return {};
}

// "gray", a name such as "4:2:0", or the factors if the sampling has no name.
std::string sampling_of(const Image& frame) {
    if (frame.color_space == ColorSpace::gray) {
        return "gray";
    }
    std::string text = frame.color_space == ColorSpace::rgb ? "RGB-coded" : "";
    if (text.empty()) {
        text = name_of(luma_factors(frame));
    }
    if (text.empty()) {
        text = "factors";
        for (const Component& component : frame.components) {
            text += " " + std::to_string(component.horizontal_factor) + "x" +
                    std::to_string(component.vertical_factor);
        }
    }
    return text;
}

bool has_sampling(const Image& frame, const FrameKind& kind) {
    if (frame.color_space == ColorSpace::gray) {
        return !kind.has_chroma;
    }
    if (frame.color_space == ColorSpace::rgb) {
        return false;
    }
    if (kind.has_chroma) {
        const LumaFactors factors = luma_factors(frame);
        return factors.horizontal == kind.factors.horizontal &&
               factors.vertical == kind.factors.vertical;
    }
    // The model reads luma alone, so no other component may be sampled more finely.
    const Component& luma = frame.components[0];
    return kind.takes_color &&
           std::all_of(frame.components.begin(), frame.components.end(), [&luma](const auto& other) {
               return other.horizontal_factor <= luma.horizontal_factor &&
                      other.vertical_factor <= luma.vertical_factor;
           });
}

void check(const Image& frame, const FrameKind& kind) {
    if (frame.height != kind.height || frame.width != kind.width) {
        throw ReadError(FailureKind::unsupported,
                        "the file is " + std::to_string(frame.width) + "x" +
                            std::to_string(frame.height) + " but the model takes " +
                            std::to_string(kind.width) + "x" + std::to_string(kind.height) +
                            "; give a file of that size");
    }
    if (!has_sampling(frame, kind)) {
        const std::string taken = kind.has_chroma ? name_of(kind.factors) : "gray";
        throw ReadError(FailureKind::unsupported,
                        "the file is " + sampling_of(frame) + " but the model is compiled for " +
                            taken + "; give a file of that sampling, or use jpegcompile.load");
    }
}

void copy_plane(const Component& component, BlockExtents extents, std::int16_t* to) {
    if (component.block_rows != extents.rows || component.block_columns != extents.columns) {
        throw ReadError(FailureKind::damaged, "corrupt data: a component has " +
                                                  std::to_string(component.block_rows) + "x" +
                                                  std::to_string(component.block_columns) +
                                                  " blocks");
    }
    std::copy_n(component.coefficients.get(), extents.coefficients(), to);
}

}  // namespace

bool set_subsampling(FrameKind& kind, const std::string& name) {
    kind.has_chroma = name != "gray";
    for (const Subsampling& known : kSubsamplings) {
        if (known.name == name) {
            kind.factors = {known.horizontal, known.vertical};
            return true;
        }
    }
    return !kind.has_chroma;
}

BlockExtents luma_extents(const FrameKind& kind) noexcept {
    return {ceil_div(kind.height, 8), ceil_div(kind.width, 8)};
}

BlockExtents chroma_extents(const FrameKind& kind) noexcept {
    if (!kind.has_chroma) {
        return {};
    }
    return {ceil_div(kind.height, 8 * static_cast<std::uint32_t>(kind.factors.vertical)),
            ceil_div(kind.width, 8 * static_cast<std::uint32_t>(kind.factors.horizontal))};
}

Image read_planes(std::span<const unsigned char> bytes, const FrameKind& kind) {
    // `check` compares the size, so no other limit is needed.
    constexpr auto no_limit = std::numeric_limits<std::uint64_t>::max();
    return read_coefficients(
        bytes, {false, no_limit, [&kind](const Image& frame) { check(frame, kind); }});
}

void copy_planes(const Image& image, const FrameKind& kind, const PlaneTargets& to) {
    copy_plane(image.components[0], luma_extents(kind), to.luma);
    const std::size_t count = kind.has_chroma ? 3 : 1;
    const BlockExtents chroma = chroma_extents(kind);
    for (std::size_t index = 1; index < count; ++index) {
        copy_plane(image.components[index], chroma,
                   to.chroma + (index - 1) * chroma.coefficients());
    }
    for (std::size_t index = 0; index < count; ++index) {
        const auto& table = image.components[index].quantization;
        std::copy(table.begin(), table.end(), to.quantization + index * block_coefficients);
    }
}

}  // namespace jpegcompile
