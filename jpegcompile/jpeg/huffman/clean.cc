#include "jpeg/huffman/clean.h"

#include <cstddef>
#include <cstdint>
#include <utility>

#include "jpeg/huffman/decoder.h"
#include "jpeg/huffman/header.h"

namespace jpegcompile::huffman {
namespace {

// A header that `options` accept, with a decoder of its scan.
struct Opened {
    CleanHeader header;
    ScanDecoder decoder;
};

std::optional<Opened> open(std::span<const unsigned char> bytes, const ReadOptions& options) {
    std::optional<CleanHeader> header = parse_header(bytes);
    if (!header.has_value() ||
        std::uint64_t{header->frame.width} * header->frame.height > options.max_pixels) {
        return std::nullopt;
    }
    if (options.check_frame) {
        options.check_frame(header->frame);
    }
    std::optional<ScanDecoder> decoder = ScanDecoder::open(bytes, *header);
    if (!decoder.has_value()) {
        return std::nullopt;
    }
    return Opened{std::move(*header), std::move(*decoder)};
}

bool allocate(Image& image) noexcept {
    for (Component& component : image.components) {
        component.coefficients =
            allocate_coefficients(component.block_rows * component.block_columns * block_bytes);
        if (component.coefficients == nullptr) {
            return false;
        }
    }
    return true;
}

// Sets the decoder's targets to the block rows of an image in a row of MCUs.
void set_targets(ScanDecoder& decoder, const CleanHeader& header, std::size_t mcu_row) noexcept {
    for (std::size_t index = 0; index < header.frame.components.size(); ++index) {
        const Component& component = header.frame.components[index];
        const std::size_t rows = header.mcu[index].rows;
        for (std::size_t row = 0; row < rows; ++row) {
            const std::size_t block_row = mcu_row * rows + row;
            decoder.set_target(index, row,
                               block_row < component.block_rows
                                   ? component.coefficients.get() +
                                         block_row * component.block_columns * block_coefficients
                                   : nullptr);
        }
    }
}

// Rows in a buffer for one row of MCUs.
class CleanRows final : public BlockRows {
public:
    explicit CleanRows(Opened opened)
        : header_(std::move(opened.header)), decoder_(std::move(opened.decoder)) {
        for (std::size_t index = 0; index < header_.frame.components.size(); ++index) {
            const std::size_t rows = header_.mcu[index].rows;
            // Callers may read one block past the end.
            strips_[index] = std::make_unique<std::int16_t[]>((rows * columns(index) + 1) *
                                                              block_coefficients);
            for (std::size_t row = 0; row < rows; ++row) {
                decoder_.set_target(index, row, row_of(index, row));
            }
        }
    }

    const Image& frame() const noexcept override { return header_.frame; }

    void keep(std::size_t component, BlockRange columns) override {
        decoder_.keep(component, columns);
    }

    bool next() override { return decode_row(true); }
    bool skip() override { return decode_row(false); }

    const std::int16_t* blocks(std::size_t component, std::size_t row) const override {
        return row_of(component, row);
    }

private:
    bool decode_row(bool is_kept) {
        if (mcu_row_ == header_.mcu_rows) {
            return false;
        }
        if (!decoder_.decode_row(is_kept)) {
            throw UncleanData();
        }
        ++mcu_row_;
        return true;
    }

    std::size_t columns(std::size_t component) const noexcept {
        return header_.frame.components[component].block_columns;
    }
    std::int16_t* row_of(std::size_t component, std::size_t row) const noexcept {
        return strips_[component].get() + row * columns(component) * block_coefficients;
    }

    CleanHeader header_;
    ScanDecoder decoder_;
    std::array<std::unique_ptr<std::int16_t[]>, most_components> strips_;
    std::size_t mcu_row_ = 0;
};

}  // namespace

std::optional<Image> read_clean(std::span<const unsigned char> bytes, const ReadOptions& options) {
    std::optional<Opened> opened = open(bytes, options);
    if (!opened.has_value() || !allocate(opened->header.frame)) {
        return std::nullopt;
    }
    for (std::size_t row = 0; row < opened->header.mcu_rows; ++row) {
        set_targets(opened->decoder, opened->header, row);
        if (!opened->decoder.decode_row(true)) {
            return std::nullopt;
        }
    }
    return std::move(opened->header.frame);
}

std::unique_ptr<BlockRows> open_clean_rows(std::span<const unsigned char> bytes,
                                           const ReadOptions& options) {
    std::optional<Opened> opened = open(bytes, options);
    return opened.has_value() ? std::make_unique<CleanRows>(std::move(*opened)) : nullptr;
}

}  // namespace jpegcompile::huffman
