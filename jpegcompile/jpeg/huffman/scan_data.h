// The entropy-coded data of a scan without stuffed bytes.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "jpeg/memory.h"

namespace jpegcompile::huffman {

// The restart intervals of a scan (T.81, E.1.4) one after another. Zeros follow, so that a decoder
// may read past the end.
struct ScanData {
    ByteMemory bytes;
    std::vector<std::size_t> ends;  // end of each interval in `bytes`
};

// `scan` begins with the data. Returns none unless the data contains `restarts` restart markers in
// order and is followed by EOI, or if there is not enough memory. Bytes after EOI are ignored.
[[nodiscard]] std::optional<ScanData> unstuff(std::span<const unsigned char> scan,
                                              std::size_t restarts);

}  // namespace jpegcompile::huffman
