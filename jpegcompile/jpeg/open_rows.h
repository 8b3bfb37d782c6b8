// Opens the rows of blocks of a file with the suitable decoder.
#pragma once

#include <memory>
#include <span>

#include "jpeg/block_rows.h"
#include "jpeg/coefficients.h"

namespace jpegcompile {

// The decoder in huffman/ reads clean baseline files row by row; libjpeg reads all others. This
// function checks the markers and the length of the data. `next` checks the coefficients of a row,
// so damage after the last row that is read is not found. `next` may throw UncleanData, except for
// rows from `open_libjpeg_rows`. `bytes` may be freed after the call. Throws ReadError.
[[nodiscard]] std::unique_ptr<BlockRows> open_rows(std::span<const unsigned char> bytes,
                                                   const ReadOptions& options);

// Decodes all rows with libjpeg and keeps them in memory. Throws ReadError.
[[nodiscard]] std::unique_ptr<BlockRows> open_libjpeg_rows(std::span<const unsigned char> bytes,
                                                           const ReadOptions& options);

// Returns the rows of an image in memory.
[[nodiscard]] std::unique_ptr<BlockRows> rows_of(Image image);

}  // namespace jpegcompile
