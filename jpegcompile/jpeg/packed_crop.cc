#include "jpeg/packed_crop.h"

#include <cstddef>
#include <numeric>

namespace jpegcompile {
namespace {

bool fits(BlockRange range, std::size_t blocks) {
    return range.first <= range.end && range.end <= blocks;
}

std::size_t sum_of(std::span<const std::uint8_t> lengths) {
    return std::accumulate(lengths.begin(), lengths.end(), std::size_t{0});
}

// Appends the lengths and records of a window.
void append(const PackedComponent& component, const BlockWindow& window, PackedCrop& made) {
    const std::size_t columns = component.extents.columns;
    const std::size_t first = window.columns.first, count = window.columns.end - first;
    std::size_t at = sum_of(component.lengths.first(window.rows.first * columns));
    for (std::size_t row = window.rows.first; row < window.rows.end; ++row) {
        const auto lengths = component.lengths.subspan(row * columns, columns);
        const auto kept = lengths.subspan(first, count);
        const auto records =
            component.stream.subspan(at + sum_of(lengths.first(first)), sum_of(kept));
        made.lengths.insert(made.lengths.end(), kept.begin(), kept.end());
        made.streams.insert(made.streams.end(), records.begin(), records.end());
        at += sum_of(lengths);
    }
}

}  // namespace

PackedCrop cropped(const PackedView& view, const BlockWindow& luma, const BlockWindow& chroma) {
    struct Ends {
        BlockExtents extents;
        std::size_t lengths, streams;
    };
    PackedCrop made;
    std::vector<Ends> ends;
    for (std::size_t index = 0; index < view.components.size(); ++index) {
        const PackedComponent& component = view.components[index];
        const BlockWindow& window = index == 0 ? luma : chroma;
        if (!fits(window.rows, component.extents.rows) ||
            !fits(window.columns, component.extents.columns)) {
            return {};
        }
        const BlockExtents extents{window.rows.end - window.rows.first,
                                   window.columns.end - window.columns.first};
        if (extents.coefficients() == 0) {
            ends.push_back({{}, made.lengths.size(), made.streams.size()});
            continue;
        }
        append(component, window, made);
        ends.push_back({extents, made.lengths.size(), made.streams.size()});
    }
    // The vectors do not grow any more, so spans of them stay valid.
    const std::span<const std::uint8_t> lengths(made.lengths), streams(made.streams);
    std::size_t length = 0, stream = 0;
    for (const Ends& end : ends) {
        made.components.push_back({end.extents, lengths.subspan(length, end.lengths - length),
                                   streams.subspan(stream, end.streams - stream)});
        length = end.lengths;
        stream = end.streams;
    }
    return made;
}

}  // namespace jpegcompile
