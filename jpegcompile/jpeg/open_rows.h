// The rows of blocks of a file, by whichever decoder may read it.
#pragma once

#include <memory>
#include <span>

#include "jpeg/block_rows.h"
#include "jpeg/coefficients.h"

namespace jpegcompile {

// Clean baseline files come row by row from a decoder of our own, all others from libjpeg. Markers
// and the length of the data are checked here, coefficients when it is their turn: whoever does
// not go on to the last row does not learn of damage below. `next` may throw UncleanData, which
// those of `open_libjpeg_rows` never do. `bytes` are not kept. Throws ReadError.
[[nodiscard]] std::unique_ptr<BlockRows> open_rows(std::span<const unsigned char> bytes,
                                                   const ReadOptions& options);

// All rows are decoded here and held in memory, as far as strict or tolerant reading takes the file.
[[nodiscard]] std::unique_ptr<BlockRows> open_libjpeg_rows(std::span<const unsigned char> bytes,
                                                           const ReadOptions& options);

// The rows of an image that is there as a whole.
[[nodiscard]] std::unique_ptr<BlockRows> rows_of(Image image);

}  // namespace jpegcompile
