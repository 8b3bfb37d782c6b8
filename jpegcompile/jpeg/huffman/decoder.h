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
    // Returns none if the tables or the markers in the data are not clean.
    [[nodiscard]] static std::optional<ScanDecoder> open(std::span<const unsigned char> bytes,
                                                         const CleanHeader& header);

    // Sets the target of a block row in the next rows of MCUs. The target is as wide as the
    // component; the decoder sets it to 0 first. Null if the component does not have that row.
    void set_target(std::size_t component, std::size_t row, std::int16_t* blocks) noexcept;
    // Sets the columns of the component's blocks that are stored. Default: all.
    void keep(std::size_t component, BlockRange columns) noexcept;

    // Decodes the next row of MCUs, and stores it if `is_kept`. Returns false if the data is not
    // clean. Call this once per row.
    [[nodiscard]] bool decode_row(bool is_kept);

private:
    struct Row {  // a block row of each row of MCUs
        std::size_t component = 0;
        std::size_t first_in_mcu = 0;  // index of its first block in an MCU
        std::size_t mcu_columns = 0;   // number of its blocks in an MCU
        BlockRange kept;               // columns that are stored
        std::int16_t* target = nullptr;
        // The target that the block targets point to; null if no block of the row is stored.
        std::int16_t* pointed = nullptr;
        bool is_stale = true;  // block targets were never set, or `kept` has changed
    };

    ScanDecoder(const CleanHeader& header, ScanData data);
    void add_component(std::size_t component, const CleanHeader& header);
    void point_targets(Row& row, std::int16_t* blocks) noexcept;
    [[nodiscard]] bool begin_interval() noexcept;
    [[nodiscard]] bool is_at_end_of_interval() const noexcept;
    [[nodiscard]] bool sum_differences(std::size_t first, std::size_t end) noexcept;

    ScanData data_;
    std::vector<Row> rows_;
    std::vector<std::size_t> components_;  // component of each block of an MCU
    std::array<std::shared_ptr<const LookupTables>, most_components> tables_;
    std::vector<BlockTarget> targets_;  // for the blocks of a row of MCUs
    // Target of blocks that are not stored. Each block begins one coefficient after the previous
    // one, because only first coefficients are read again.
    std::unique_ptr<std::int16_t[]> spare_;
    std::size_t mcu_columns_;
    std::size_t mcus_left_;  // in the scan
    std::size_t restart_interval_;
    std::size_t interval_ = 0;      // index of the current interval
    std::size_t left_in_interval_;  // MCUs in the current interval
    BitReader reader_;
    std::array<std::int32_t, most_components> predictions_{};
};

}  // namespace jpegcompile::huffman
