#include "jpeg/open_rows.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "jpeg/huffman/clean.h"

namespace jpegcompile {
namespace {

// The rows of an image in memory.
class ImageRows final : public BlockRows {
public:
    explicit ImageRows(Image image) : image_(std::move(image)) {
        const bool is_alone = image_.components.size() == 1;
        for (const Component& component : image_.components) {
            const std::size_t factor =
                is_alone ? 1 : static_cast<std::size_t>(component.vertical_factor);
            factors_.push_back(factor);
            rows_ = std::max(rows_, (component.block_rows + factor - 1) / factor);
            // Callers may read one block past a row, so the last row is copied to longer memory.
            const std::size_t size = component.block_columns * block_coefficients;
            std::vector<std::int16_t>& last = last_rows_.emplace_back(size + block_coefficients);
            std::copy_n(component.coefficients.get() + (component.block_rows - 1) * size, size,
                        last.begin());
        }
    }

    const Image& frame() const noexcept override { return image_; }

    bool next() override {
        begun_ += begun_ <= rows_ ? 1 : 0;
        return begun_ <= rows_;
    }

    const std::int16_t* blocks(std::size_t index, std::size_t row) const override {
        const Component& component = image_.components[index];
        const std::size_t block_row = (begun_ - 1) * factors_[index] + row;
        return block_row + 1 == component.block_rows
                   ? last_rows_[index].data()
                   : component.coefficients.get() +
                         block_row * component.block_columns * block_coefficients;
    }

    bool rewind() noexcept override {
        begun_ = 0;
        return true;
    }

private:
    Image image_;
    std::vector<std::size_t> factors_;
    std::vector<std::vector<std::int16_t>> last_rows_;
    std::size_t rows_ = 0;   // number of rows of MCUs
    std::size_t begun_ = 0;  // number of rows begun so far
};

}  // namespace

std::unique_ptr<BlockRows> open_rows(std::span<const unsigned char> bytes,
                                     const ReadOptions& options) {
    std::unique_ptr<BlockRows> rows = huffman::open_clean_rows(bytes, options);
    return rows != nullptr ? std::move(rows) : open_libjpeg_rows(bytes, options);
}

std::unique_ptr<BlockRows> open_libjpeg_rows(std::span<const unsigned char> bytes,
                                             const ReadOptions& options) {
    return rows_of(read_with_libjpeg(bytes, options));
}

std::unique_ptr<BlockRows> rows_of(Image image) {
    return std::make_unique<ImageRows>(std::move(image));
}

}  // namespace jpegcompile
