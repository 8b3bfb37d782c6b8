// The entropy-coded data of a scan, without what only keeps markers apart from data.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "jpeg/memory.h"

namespace jpegcompile::huffman {

// The restart intervals of a scan (T.81, E.1.4) one after another, and zeros behind them that a
// decoder may read in.
struct ScanData {
    ByteMemory bytes;
    std::vector<std::size_t> ends;  // of each interval in `bytes`
};

// `scan` begins with the data. None unless `restarts` restart markers stand in them, in their
// order, and EOI follows; what is behind that is left alone. None without memory, too.
[[nodiscard]] std::optional<ScanData> unstuff(std::span<const unsigned char> scan,
                                              std::size_t restarts);

}  // namespace jpegcompile::huffman
