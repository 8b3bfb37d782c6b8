#include "jpeg/huffman/decoder.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace jpegcompile::huffman {

std::optional<ScanDecoder> ScanDecoder::open(std::span<const unsigned char> bytes,
                                             const CleanHeader& header) {
    const std::size_t mcus = header.mcu_rows * header.mcu_columns;
    const std::size_t interval = header.restart_interval;
    const std::size_t restarts = interval == 0 ? 0 : (mcus - 1) / interval;
    const std::span<const unsigned char> scan = bytes.subspan(header.scan_offset);
    // A block needs at least two bits. This check avoids memory for frames far larger than their
    // data.
    if (mcus / 4 > scan.size()) {
        return std::nullopt;
    }
    std::optional<ScanData> data = unstuff(scan, restarts);
    if (!data.has_value()) {
        return std::nullopt;
    }
    ScanDecoder decoder(header, std::move(*data));
    for (std::size_t index = 0; index < header.frame.components.size(); ++index) {
        const bool is_again = index > 0 && header.tables[index] == header.tables[index - 1];
        decoder.tables_[index] = is_again ? decoder.tables_[index - 1]
                                          : lookup_tables(header.tables[index], scan.size());
        if (decoder.tables_[index] == nullptr) {
            return std::nullopt;
        }
        decoder.add_component(index, header);
    }
    const std::size_t blocks = decoder.components_.size() * header.mcu_columns;
    decoder.spare_ = std::make_unique_for_overwrite<std::int16_t[]>(blocks + block_coefficients);
    decoder.targets_.resize(blocks);
    for (std::size_t index = 0; index < blocks; ++index) {
        const std::size_t component = decoder.components_[index % decoder.components_.size()];
        decoder.targets_[index].tables = decoder.tables_[component].get();
    }
    link(decoder.targets_.data(), decoder.targets_.data() + blocks);
    return decoder;
}

ScanDecoder::ScanDecoder(const CleanHeader& header, ScanData data)
    : data_(std::move(data)),
      mcu_columns_(header.mcu_columns),
      mcus_left_(header.mcu_rows * header.mcu_columns),
      restart_interval_(header.restart_interval == 0 ? mcus_left_ : header.restart_interval),
      left_in_interval_(restart_interval_),
      reader_{.next = data_.bytes.get()} {}

void ScanDecoder::add_component(std::size_t component, const CleanHeader& header) {
    const McuComponent& mcu = header.mcu[component];
    for (std::size_t row = 0; row < mcu.rows; ++row) {
        rows_.push_back({.component = component,
                         .first_in_mcu = components_.size(),
                         .mcu_columns = mcu.columns,
                         .kept = {0, header.frame.components[component].block_columns}});
        components_.insert(components_.end(), mcu.columns, component);
    }
}

void ScanDecoder::set_target(std::size_t component, std::size_t row,
                             std::int16_t* blocks) noexcept {
    const auto first = std::find_if(rows_.begin(), rows_.end(), [component](const Row& other) {
        return other.component == component;
    });
    (first + static_cast<std::ptrdiff_t>(row))->target = blocks;
}

void ScanDecoder::keep(std::size_t component, BlockRange columns) noexcept {
    for (Row& row : rows_) {
        if (row.component == component) {
            row.kept = columns;
            row.is_stale = true;
        }
    }
}

void ScanDecoder::point_targets(Row& row, std::int16_t* blocks) noexcept {
    if (!row.is_stale && row.pointed == blocks) {
        return;
    }
    row.pointed = blocks;
    row.is_stale = false;
    std::size_t column = 0;
    for (std::size_t mcu = 0; mcu < mcu_columns_; ++mcu) {
        std::size_t index = mcu * components_.size() + row.first_in_mcu;
        for (std::size_t block = 0; block < row.mcu_columns; ++block, ++index, ++column) {
            const bool is_kept =
                blocks != nullptr && column >= row.kept.first && column < row.kept.end;
            targets_[index].block =
                is_kept ? blocks + column * block_coefficients : spare_.get() + index;
        }
    }
}

bool ScanDecoder::decode_row(bool is_kept) {
    for (Row& row : rows_) {
        std::int16_t* const blocks = is_kept ? row.target : nullptr;
        point_targets(row, blocks);
        if (blocks != nullptr) {
            std::memset(blocks + row.kept.first * block_coefficients, 0,
                        (row.kept.end - row.kept.first) * block_bytes);
        }
    }
    std::size_t decoded = 0;
    while (decoded < mcu_columns_) {
        if (left_in_interval_ == 0 && !begin_interval()) {
            return false;
        }
        const std::size_t count = std::min(mcu_columns_ - decoded, left_in_interval_);
        const std::size_t first = decoded * components_.size();
        const std::size_t end = first + count * components_.size();
        if (!decode_blocks(reader_, &targets_[first], targets_.data() + end,
                           data_.bytes.get() + data_.ends[interval_]) ||
            !sum_differences(first, end)) {
            return false;
        }
        decoded += count;
        left_in_interval_ -= count;
        mcus_left_ -= count;
    }
    return mcus_left_ > 0 || is_at_end_of_interval();
}

bool ScanDecoder::begin_interval() noexcept {
    if (!is_at_end_of_interval()) {
        return false;
    }
    reader_ = {.next = data_.bytes.get() + data_.ends[interval_]};
    ++interval_;
    left_in_interval_ = restart_interval_;
    predictions_ = {};
    return true;
}

// Returns whether only the padding bits of the last byte are left.
bool ScanDecoder::is_at_end_of_interval() const noexcept {
    const std::size_t used = reader_.used(data_.bytes.get()), end = data_.ends[interval_] * 8;
    return used <= end && end - used < 8;
}

bool ScanDecoder::sum_differences(std::size_t first, std::size_t end) noexcept {
    std::uint32_t excess = 0;
    for (std::size_t mcu = first; mcu < end; mcu += components_.size()) {
        for (std::size_t block = 0; block < components_.size(); ++block) {
            std::int16_t& coefficient = *targets_[mcu + block].block;
            std::int32_t& prediction = predictions_[components_[block]];
            prediction += coefficient;
            coefficient = static_cast<std::int16_t>(prediction);
            excess |= static_cast<std::uint32_t>(prediction + 0x8000) >> 16;
        }
    }
    return excess == 0;
}

}  // namespace jpegcompile::huffman
