// A scan of all components, decoded row by row of MCUs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "jpeg/block_rows.h"
#include "jpeg/huffman/blocks.h"
#include "jpeg/huffman/header.h"
#include "jpeg/huffman/lookup.h"
#include "jpeg/huffman/scan_data.h"

namespace jpegcompile::huffman {

class ScanDecoder {
public:
    // None where the tables or the data, as far as markers tell, are not clean.
    [[nodiscard]] static std::optional<ScanDecoder> open(std::span<const unsigned char> bytes,
                                                         const CleanHeader& header);

    // Where the blocks of one block row of the next rows of MCUs go, as wide as the component; the
    // decoder begins by making them 0. Null where the component has no such row.
    void set_target(std::size_t component, std::size_t row, std::int16_t* blocks) noexcept;
    // Which of the component's blocks go there; by default all do.
    void keep(std::size_t component, BlockRange columns) noexcept;

    // Decodes the next row of MCUs; stores nothing of it unless `is_kept`. False where the data turn
    // out not to be clean. To be called once for each row.
    [[nodiscard]] bool decode_row(bool is_kept);

private:
    struct Row {  // a block row of each row of MCUs
        std::size_t component = 0;
        std::size_t first_in_mcu = 0;  // of its blocks, among those of an MCU
        std::size_t mcu_columns = 0;   // blocks of an MCU that it has
        BlockRange kept;               // of the true ones
        std::int16_t* target = nullptr;
        // What the targets of its blocks were made for; null where none of its blocks are kept.
        std::int16_t* pointed = nullptr;
        bool is_stale = true;  // never made, or `kept` has changed since
    };

    ScanDecoder(const CleanHeader& header, ScanData data);
    void add_component(std::size_t component, const CleanHeader& header);
    void point_targets(Row& row, std::int16_t* blocks) noexcept;
    [[nodiscard]] bool begin_interval() noexcept;
    [[nodiscard]] bool is_at_end_of_interval() const noexcept;
    [[nodiscard]] bool sum_differences(std::size_t first, std::size_t end) noexcept;

    ScanData data_;
    std::vector<Row> rows_;
    std::vector<std::size_t> components_;  // of the blocks of an MCU
    std::array<std::shared_ptr<const LookupTables>, most_components> tables_;
    std::vector<BlockTarget> targets_;  // of the blocks of a row of MCUs
    // Where all other blocks go, each one coefficient behind the one before it in the order of
    // decoding: only the first coefficient of each is read again.
    std::unique_ptr<std::int16_t[]> spare_;
    std::size_t mcu_columns_;
    std::size_t mcus_left_;  // of the scan
    std::size_t restart_interval_;
    std::size_t interval_ = 0;      // the current one
    std::size_t left_in_interval_;  // MCUs
    BitReader reader_;
    std::array<std::int32_t, most_components> predictions_{};
};

}  // namespace jpegcompile::huffman
