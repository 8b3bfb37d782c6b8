// Clean baseline files, read without libjpeg.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "jpeg/block_rows.h"
#include "jpeg/coefficients.h"

namespace jpegcompile::huffman {

// Returns the coefficients of a file, or none if libjpeg must read it: if the file is not a
// baseline file, is damaged or unusual, is larger than `options` allow, or if memory runs out.
// Throws the exceptions of `options.check_frame`.
[[nodiscard]] std::optional<Image> read_clean(std::span<const unsigned char> bytes,
                                              const ReadOptions& options);

// Reads row by row. Returns null if libjpeg must read the file, judged by its header and the
// markers of the scan. `next` throws UncleanData if the coefficients are not clean. `bytes` may be
// freed after the call.
[[nodiscard]] std::unique_ptr<BlockRows> open_clean_rows(std::span<const unsigned char> bytes,
                                                         const ReadOptions& options);

}  // namespace jpegcompile::huffman
