#include "mutations.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace {

struct Segment {
    unsigned char marker = 0;
    std::size_t begin = 0;  // of its content
    std::size_t end = 0;
};

// Those in front of the data of the first scan, of which the last begins it.
std::vector<Segment> segments_of(const Bytes& bytes) {
    std::vector<Segment> segments;
    std::size_t at = 2;
    while (at + 4 <= bytes.size() && bytes[at] == 0xFF) {
        const std::size_t size = static_cast<std::size_t>(bytes[at + 2]) << 8 | bytes[at + 3];
        if (size < 2 || at + 2 + size > bytes.size()) {
            break;
        }
        segments.push_back({bytes[at + 1], at + 4, at + 2 + size});
        at += 2 + size;
        if (segments.back().marker == 0xDA) {
            break;
        }
    }
    return segments;
}

}  // namespace

Bytes Mutator::next(const std::vector<Bytes>& seeds) {
    Bytes bytes = seeds[below(seeds.size())];
    const std::size_t changes = 1 + below(3);
    for (std::size_t change_number = 0; change_number < changes && bytes.size() > 4;
         ++change_number) {
        switch (below(8)) {
            case 0:
                change(bytes, 0, bytes.size());
                break;
            case 1:
            case 2:
                change_segment(bytes);
                break;
            case 3:
                change_symbols(bytes);
                break;
            default:
                change_scan(bytes);
                break;
        }
    }
    return bytes;
}

// Some bytes between `begin` and `end`.
void Mutator::change(Bytes& bytes, std::size_t begin, std::size_t end) {
    if (begin >= end) {
        return;
    }
    const std::size_t at = begin + below(end - begin);
    const auto place = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    switch (below(16)) {
        case 0:
            bytes.insert(place, static_cast<unsigned char>(random_()));
            break;
        case 1:
            bytes.insert(place, 0xFF);
            break;
        case 2:
            bytes.erase(place, place + static_cast<std::ptrdiff_t>(
                                           std::min(bytes.size() - at, 1 + below(4))));
            break;
        case 3:
            bytes.resize(at);
            break;
        case 4: {  // repeats what stands there
            const Bytes piece(place, place + static_cast<std::ptrdiff_t>(
                                                 std::min(bytes.size() - at, 1 + below(8))));
            bytes.insert(place, piece.begin(), piece.end());
            break;
        }
        case 5:
        case 6:
        case 7:
            *place = static_cast<unsigned char>(random_());
            break;
        default:
            *place ^= static_cast<unsigned char>(1 << below(8));
            break;
    }
}

// The content of a segment, whose length stays right.
void Mutator::change_segment(Bytes& bytes) {
    const std::vector<Segment> segments = segments_of(bytes);
    if (segments.empty()) {
        return;
    }
    const Segment& segment = segments[below(segments.size())];
    if (segment.begin < segment.end) {
        unsigned char& byte = bytes[segment.begin + below(segment.end - segment.begin)];
        byte = below(2) == 0 ? static_cast<unsigned char>(random_())
                             : static_cast<unsigned char>(byte ^ 1 << below(8));
    }
}

// Two symbols of a Huffman table change places, or one becomes another; or a code its length.
void Mutator::change_symbols(Bytes& bytes) {
    std::vector<Segment> tables = segments_of(bytes);
    std::erase_if(tables, [](const Segment& segment) {
        return segment.marker != 0xC4 || segment.end < segment.begin + 18;
    });
    if (tables.empty()) {
        return;
    }
    const Segment& table = tables[below(tables.size())];
    unsigned char* const counts = bytes.data() + table.begin + 1;
    unsigned char* const symbols = counts + 16;
    const std::size_t count = table.end - table.begin - 17;
    switch (below(3)) {
        case 0:
            std::swap(symbols[below(count)], symbols[below(count)]);
            break;
        case 1:
            symbols[below(count)] = static_cast<unsigned char>(random_());
            break;
        default: {
            unsigned char& from = counts[below(16)];
            if (from > 0) {
                --from;
                ++counts[below(16)];
            }
            break;
        }
    }
}

void Mutator::change_scan(Bytes& bytes) {
    const std::vector<Segment> segments = segments_of(bytes);
    const std::size_t begin = segments.empty() ? 0 : segments.back().end;
    change(bytes, begin, bytes.size());
}
