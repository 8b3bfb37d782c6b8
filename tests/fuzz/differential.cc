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

bool equal_row(const std::int16_t* blocks, const Component& component, std::size_t row) {
    return std::equal(blocks, blocks + component.block_columns * block_coefficients,
                      row_of(component, row));
}

void check_image(const Image& image, const Image& expected) {
    require(equal_frames(image, expected), "frames differ");
    for (std::size_t index = 0; index < image.components.size(); ++index) {
        const Component& component = image.components[index];
        for (std::size_t row = 0; row < component.block_rows; ++row) {
            require(equal_row(row_of(component, row), expected.components[index], row),
                    "coefficients differ");
        }
    }
}

void check_rows(BlockRows& rows, const Image& expected) {
    require(equal_frames(rows.frame(), expected), "frames of rows differ");
    std::size_t begun = 0, last_row = 0;
    for (; rows.next(); ++begun) {
        for (std::size_t index = 0; index < expected.components.size(); ++index) {
            const Component& component = expected.components[index];
            const auto factor = expected.components.size() == 1
                                    ? std::size_t{1}
                                    : static_cast<std::size_t>(component.vertical_factor);
            const std::size_t end = std::min(component.block_rows, (begun + 1) * factor);
            for (std::size_t row = begun * factor; row < end; ++row) {
                const std::int16_t* const blocks = rows.blocks(index, row - begun * factor);
                require(equal_row(blocks, component, row), "rows differ");
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

}  // namespace

// 1 where the file was compared, 0 where libjpeg alone judges it.
int compare_decoders(std::span<const unsigned char> bytes) {
    const std::optional<Image> image = huffman::read_clean(bytes, options);
    const std::unique_ptr<BlockRows> rows = huffman::open_clean_rows(bytes, options);
    if (!image.has_value()) {
        try {
            while (rows != nullptr && rows->next()) {
            }
            require(rows == nullptr, "rows of a file that is not taken as a whole");
        } catch (const UncleanData&) {
        }
        return 0;
    }
    require(rows != nullptr, "a file that is taken as a whole has no rows");
    try {
        const Image expected = read_with_libjpeg(bytes, options);
        check_image(*image, expected);
        check_rows(*rows, expected);
        check_rows(*open_libjpeg_rows(bytes, options), expected);
    } catch (const ReadError& error) {
        require(false, error.what());
    }
    return 1;
}

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    static_cast<void>(compare_decoders({data, size}));
    return 0;
}
