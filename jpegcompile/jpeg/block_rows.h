// The coefficients of a file as they come, one row of MCUs after another, so that nobody needs room
// for a whole image.
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

    // What the header says. Its components have extents, tables and factors, and no coefficients.
    [[nodiscard]] virtual const Image& frame() const noexcept = 0;
    // Says which blocks of a component's rows will be read, so that the others need not be stored.
    // All are until then. To be called before the first `next` or `skip`, and again for rows that
    // are opened again.
    virtual void keep(std::size_t /*component*/, BlockRange /*columns*/) {}
    // Goes on to the next row of MCUs, the first one at the first call; false behind the last one.
    // Throws ReadError where the data are damaged, and UncleanData.
    [[nodiscard]] virtual bool next() = 0;
    // The same for a row of which no block will be read.
    [[nodiscard]] virtual bool skip() { return next(); }
    // The blocks of one of the block rows of the row of MCUs, [columns][64] in natural order.
    // `row` is below the component's vertical factor (1 if it is the only component), and the row
    // lies within the component's true size. One block more than the component has is readable.
    // Blocks that are not kept are readable, too, and hold anything. Not to be called behind `skip`.
    [[nodiscard]] virtual const std::int16_t* blocks(std::size_t component,
                                                     std::size_t row) const = 0;
    // Goes back before the first row, where all rows are held; false, and nothing done, elsewhere.
    [[nodiscard]] virtual bool rewind() noexcept { return false; }
};

// Data that only libjpeg may judge: whoever reads begins again, with rows that libjpeg reads.
class UncleanData : public std::runtime_error {
public:
    UncleanData() : std::runtime_error("not a clean baseline file") {}
};

}  // namespace jpegcompile
