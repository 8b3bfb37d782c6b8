// One image with packed coefficients as a record of bytes, which caches store.
//
// A record contains, without gaps:
//
// - height and width of the image, two bytes each;
// - a byte each: components (1 or 3), color space (0 gray, 1 ycbcr, 2 rgb), orientation (1 to 8),
//   whether the file is progressive;
// - sampling factors of three components, a byte each: 16 x horizontal + vertical, 0 without the
//   component; a byte 0;
// - for each component: index of its quantization table, bytes of its stream, four bytes each;
// - for each component: a byte for each block, the length of the block's record;
// - for each component: its stream.
//
// Numbers have the low byte first. packed.py defines lengths and streams. A quantization table is
// 64 numbers of two bytes in natural order. Tables are stored apart, since most images share them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "jpeg/block_rows.h"
#include "jpeg/coefficients.h"
#include "jpeg/planes.h"

namespace jpegcompile {

inline constexpr std::size_t packed_header_bytes = 12;
inline constexpr std::size_t packed_component_bytes = 8;
inline constexpr std::size_t table_bytes = block_coefficients * sizeof(std::uint16_t);

// A component of a record.
struct PackedComponent {
    BlockExtents extents;
    std::span<const std::uint8_t> lengths;
    std::span<const std::uint8_t> stream;
};

// A record with all of its lengths checked.
struct PackedView {
    Image frame;  // components have extents, tables and factors, but no coefficients
    std::vector<PackedComponent> components;
};

// Throws ReadError if the record is damaged.
[[nodiscard]] PackedView view_of(const PackedSource& source);
// Throws ReadError if the image has too many pixels, or is refused.
void check_options(const Image& frame, const ReadOptions& options);

// Throws ReadError. `source` must outlive the rows, which unpack blocks as they are read.
[[nodiscard]] std::unique_ptr<BlockRows> open_packed_rows(const PackedSource& source,
                                                          const ReadOptions& options);
[[nodiscard]] Image read_packed(const PackedSource& source, const ReadOptions& options);

// A record, and the tables that its indices are about.
struct PackedRecord {
    std::vector<std::uint8_t> bytes;
    std::vector<std::uint8_t> tables;
};

// Throws ReadError if the image is too large for the format.
[[nodiscard]] PackedRecord packed_record(const Image& image);

}  // namespace jpegcompile
