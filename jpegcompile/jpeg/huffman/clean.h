// Clean baseline files, read without libjpeg.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "jpeg/block_rows.h"
#include "jpeg/coefficients.h"

namespace jpegcompile::huffman {

// The coefficients of a file, or none where libjpeg has to judge it: where the file is no baseline
// file, or damaged, or unusual, where it is larger than `options` allow, or where memory runs out.
// Throws what `options.check_frame` throws.
[[nodiscard]] std::optional<Image> read_clean(std::span<const unsigned char> bytes,
                                              const ReadOptions& options);

// The same row by row; null where the header or the markers of the scan say that libjpeg has to
// judge the file. `next` throws UncleanData where the coefficients do. `bytes` are not kept.
[[nodiscard]] std::unique_ptr<BlockRows> open_clean_rows(std::span<const unsigned char> bytes,
                                                         const ReadOptions& options);

}  // namespace jpegcompile::huffman
