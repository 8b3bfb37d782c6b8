// The coefficients of a file, one row of MCUs after another, so that no whole image is in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>

#include "jpeg/coefficients.h"

namespace jpegcompile {

// Blocks [first, end) of a block row.
struct BlockRange {
    std::size_t first = 0, end = 0;
};

class BlockRows {
public:
    virtual ~BlockRows() = default;

    // The header as an image. Its components have extents, tables and factors, but no coefficients.
    [[nodiscard]] virtual const Image& frame() const noexcept = 0;
    // Sets the columns of a component's blocks that will be read; other blocks need not be stored.
    // Default: all. Call this before the first `next` or `skip`, and again if the rows are opened
    // again.
    virtual void keep(std::size_t /*component*/, BlockRange /*columns*/) {}
    // Advances to the next row of MCUs; the first call advances to the first row. Returns false
    // after the last row. Throws ReadError if the data is damaged, and UncleanData.
    [[nodiscard]] virtual bool next() = 0;
    // Advances like `next`, to a row whose blocks will not be read.
    [[nodiscard]] virtual bool skip() { return next(); }
    // Returns the blocks of a block row of the current row of MCUs, [columns][64] in natural order.
    // `row` must be below the component's vertical factor (below 1 if it is the only component) and
    // within the component's true size. The caller may also read one block after the last one, and
    // blocks that are not kept; their contents are undefined. Do not call this after `skip`.
    [[nodiscard]] virtual const std::int16_t* blocks(std::size_t component,
                                                     std::size_t row) const = 0;
    // Goes back before the first row if all rows are in memory. Otherwise does nothing and returns
    // false.
    [[nodiscard]] virtual bool rewind() noexcept { return false; }
};

// The data is not clean, so libjpeg must read it. The caller starts again with rows from libjpeg.
class UncleanData : public std::runtime_error {
public:
    UncleanData() : std::runtime_error("not a clean baseline file") {}
};

}  // namespace jpegcompile
