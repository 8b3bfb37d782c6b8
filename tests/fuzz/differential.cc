// Fuzz target that compares the decoder of clean baseline files with libjpeg: what it takes libjpeg
// has to read strictly, and both give the same image, as a whole and row by row.
// `docs/fuzzing.md` says how to run it.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>

#include "jpeg/coefficients.h"
#include "jpeg/huffman/clean.h"
#include "jpeg/open_rows.h"

namespace {

using namespace jpegcompile;

// Larger frames cost time and find nothing that smaller ones do not.
const ReadOptions options{false, 1 << 14, {}};

void require(bool holds, const char* what) {
    if (!holds) {
        std::fprintf(stderr, "%s\n", what);
        std::abort();
    }
}

bool equal_frames(const Component& a, const Component& b) {
    return a.block_rows == b.block_rows && a.block_columns == b.block_columns &&
           a.quantization == b.quantization && a.horizontal_factor == b.horizontal_factor &&
           a.vertical_factor == b.vertical_factor;
}

bool equal_frames(const Image& a, const Image& b) {
    return a.width == b.width && a.height == b.height && a.color_space == b.color_space &&
           a.progressive == b.progressive && a.orientation == b.orientation &&
           std::equal(a.components.begin(), a.components.end(), b.components.begin(),
                      b.components.end(), [](const Component& one, const Component& other) {
                          return equal_frames(one, other);
                      });
}

const std::int16_t* row_of(const Component& component, std::size_t row) {
    return component.coefficients.get() + row * component.block_columns * block_coefficients;
}

bool equal_row(const std::int16_t* blocks, const Component& component, std::size_t row,
               BlockRange columns) {
    const std::size_t first = columns.first * block_coefficients;
    return std::equal(blocks + first, blocks + columns.end * block_coefficients,
                      row_of(component, row) + first);
}

void check_image(const Image& image, const Image& expected) {
    require(equal_frames(image, expected), "frames differ");
    for (std::size_t index = 0; index < image.components.size(); ++index) {
        const Component& component = image.components[index];
        for (std::size_t row = 0; row < component.block_rows; ++row) {
            require(equal_row(row_of(component, row), expected.components[index], row,
                              {0, component.block_columns}),
                    "coefficients differ");
        }
    }
}

// Which blocks are read of rows: all, or by chance some columns of some rows.
class Part {
public:
    Part() = default;
    explicit Part(std::size_t chance)
        : first_(chance % 4), end_(8 - chance / 4 % 5), row_(chance % 3) {}

    BlockRange columns(const Component& component) const {
        return {component.block_columns * first_ / 8, component.block_columns * end_ / 8};
    }
    bool has_row(std::size_t row) const { return !row_.has_value() || row % 3 != *row_; }
    bool go_on(BlockRows& rows, std::size_t row) const {
        return has_row(row) ? rows.next() : rows.skip();
    }

private:
    std::size_t first_ = 0, end_ = 8;  // eighths of the columns
    std::optional<std::size_t> row_;
};

void keep(BlockRows& rows, const Part& part) {
    for (std::size_t index = 0; index < rows.frame().components.size(); ++index) {
        rows.keep(index, part.columns(rows.frame().components[index]));
    }
}

void check_rows(BlockRows& rows, const Image& expected, const Part& part) {
    require(equal_frames(rows.frame(), expected), "frames of rows differ");
    keep(rows, part);
    std::size_t begun = 0, last_row = 0;
    for (; part.go_on(rows, begun); ++begun) {
        for (std::size_t index = 0; index < expected.components.size(); ++index) {
            const Component& component = expected.components[index];
            const auto factor = expected.components.size() == 1
                                    ? std::size_t{1}
                                    : static_cast<std::size_t>(component.vertical_factor);
            const std::size_t end = std::min(component.block_rows, (begun + 1) * factor);
            for (std::size_t row = begun * factor; part.has_row(begun) && row < end; ++row) {
                const std::int16_t* const blocks = rows.blocks(index, row - begun * factor);
                require(equal_row(blocks, component, row, part.columns(component)), "rows differ");
                // The sanitizer sees whether one block more may be read.
                const std::size_t size = component.block_columns * block_coefficients;
                [[maybe_unused]] const volatile std::int16_t readable =
                    blocks[size + block_coefficients - 1];
            }
            last_row = std::max(last_row, index == 0 ? end : last_row);
        }
    }
    require(last_row == expected.components[0].block_rows, "rows are missing");
    require(!rows.next(), "rows go on behind the last one");
}

// Rows of a file that is not taken as a whole.
void check_unclean(std::span<const unsigned char> bytes, const Part& part) {
    const std::unique_ptr<BlockRows> rows = huffman::open_clean_rows(bytes, options);
    if (rows == nullptr) {
        return;
    }
    keep(*rows, part);
    try {
        for (std::size_t row = 0; part.go_on(*rows, row); ++row) {
        }
    } catch (const UncleanData&) {
        return;
    }
    require(false, "rows of a file that is not taken as a whole");
}

}  // namespace

// 1 where the file was compared, 0 where libjpeg alone judges it.
int compare_decoders(std::span<const unsigned char> bytes) {
    const std::optional<Image> image = huffman::read_clean(bytes, options);
    // The same for the same file.
    const Part part(bytes.empty() ? 0 : bytes.size() * 7 + bytes[bytes.size() / 2]);
    if (!image.has_value()) {
        check_unclean(bytes, Part());
        check_unclean(bytes, part);
        return 0;
    }
    try {
        const Image expected = read_with_libjpeg(bytes, options);
        check_image(*image, expected);
        for (const Part& one : {Part(), part}) {
            const std::unique_ptr<BlockRows> rows = huffman::open_clean_rows(bytes, options);
            require(rows != nullptr, "a file that is taken as a whole has no rows");
            check_rows(*rows, expected, one);
            check_rows(*open_libjpeg_rows(bytes, options), expected, one);
        }
    } catch (const ReadError& error) {
        require(false, error.what());
    }
    return 1;
}

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    static_cast<void>(compare_decoders({data, size}));
    return 0;
}
