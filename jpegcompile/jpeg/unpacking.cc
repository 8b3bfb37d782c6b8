#include "jpeg/unpacking.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstring>
#include <limits>
#include <vector>

#include "jpeg/coefficients.h"
#include "jpeg/packing.h"
#include "jpeg/work.h"

namespace jpegcompile {
namespace {

// For each place in zigzag order (T.81, figure A.6), the natural index of its coefficient. The
// place after the last one has the index after the last one.
constexpr std::array<std::uint8_t, block_coefficients + 1> natural_indices() {
    std::array<std::uint8_t, block_coefficients + 1> indices{};
    std::size_t place = 0;
    for (int diagonal = 0; diagonal < 15; ++diagonal) {
        for (int step = std::max(0, diagonal - 7); step <= std::min(7, diagonal); ++step) {
            const int row = diagonal % 2 != 0 ? step : diagonal - step;
            indices[place++] = static_cast<std::uint8_t>(row * 8 + diagonal - row);
        }
    }
    indices[place] = block_coefficients;
    return indices;
}

constexpr auto natural = natural_indices();
// Blocks of a slice of work, about 0.05 ms.
constexpr std::size_t blocks_worth_a_slice = 2048;

std::int16_t word_at(const std::uint8_t* in) noexcept {
    return static_cast<std::int16_t>(in[0] | in[1] << 8);
}

// Unpacks blocks in ascending order, and finds their records.
class Unpacker {
public:
    explicit Unpacker(const PackedBlocks& packed) : packed_(packed) {}

    // Unpacks blocks [first, first + count) and returns how many were valid before the first one
    // that was not.
    std::size_t unpack(std::size_t first, std::size_t count, std::int16_t* out) noexcept {
        if (first != next_ && !seek(first)) {
            return 0;
        }
        for (std::size_t done = 0; done < count; ++done, ++next_, out += block_coefficients) {
            if (next_ % packed_group == 0 && !seek(next_)) {
                return done;
            }
            const std::size_t length = packed_.lengths[next_];
            if (length > packed_.stream.size() - at_ ||
                !unpack_record(packed_.stream.subspan(at_, length), out)) {
                next_ = none;
                return done;
            }
            at_ += length;
        }
        return count;
    }

private:
    static constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

    // Finds the record of a block. Returns false if it does not begin within the stream.
    bool seek(std::size_t block) noexcept {
        next_ = none;
        const std::size_t group = block / packed_group;
        if (group >= packed_.offsets.size() || packed_.lengths.size() / packed_group <= group ||
            packed_.offsets[group] < 0) {
            return false;
        }
        at_ = static_cast<std::size_t>(packed_.offsets[group]);
        for (std::size_t before = group * packed_group; before < block; ++before) {
            at_ += packed_.lengths[before];
        }
        if (at_ > packed_.stream.size()) {
            return false;
        }
        next_ = block;
        return true;
    }

    const PackedBlocks& packed_;
    std::size_t next_ = none;  // block whose record begins at `at_`
    std::size_t at_ = 0;
};

}  // namespace

bool unpack_record(std::span<const std::uint8_t> record, std::int16_t* block) noexcept {
    if (record.size() < 3) {
        return false;
    }
    const std::uint8_t* in = record.data();
    const std::uint8_t* const end = in + record.size();
    const auto has = [&in, end](int bytes) { return end - in >= bytes; };
    // An unused nibble goes to the element after the block.
    std::array<std::int16_t, block_coefficients + 1> values{};
    values[0] = word_at(in);
    const unsigned rows = in[2];
    in += 3;
    if (!has(std::popcount(rows))) {
        return false;
    }
    std::uint64_t found = 0;
    for (unsigned left = rows; left != 0; left &= left - 1) {
        found |= std::uint64_t{*in++} << (8 * std::countr_zero(left));
    }
    const int count = std::popcount(found);
    // DC has no bit.
    if ((found & 1) != 0 || !has((count + 1) / 2)) {
        return false;
    }
    std::array<std::uint8_t, block_coefficients> indices;
    std::uint64_t large = 0;  // a bit for each nibble that is 0
    int number = 0;
    for (std::uint64_t left = found; left != 0; number += 2) {
        const unsigned pair = *in++;
        for (unsigned half = 0; half < 2; ++half, left &= left - 1) {
            const unsigned nibble = half == 0 ? pair & 15U : pair >> 4;
            const std::uint8_t index = natural[static_cast<std::size_t>(std::countr_zero(left))];
            values[index] = static_cast<std::int16_t>(static_cast<int>(nibble ^ 8U) - 8);
            indices[static_cast<std::size_t>(number) + half] = index;
            large |= std::uint64_t{nibble == 0} << (static_cast<unsigned>(number) + half);
        }
    }
    large &= (std::uint64_t{1} << count) - 1;  // `count` is at most 63
    const std::uint8_t* bytes = in;
    if (!has(std::popcount(large))) {
        return false;
    }
    in += std::popcount(large);
    for (; large != 0; large &= large - 1) {
        std::int16_t value = static_cast<std::int8_t>(*bytes++);
        if (value == 0) {
            if (!has(2)) {
                return false;
            }
            value = word_at(in);
            in += 2;
        }
        values[indices[static_cast<std::size_t>(std::countr_zero(large))]] = value;
    }
    std::memcpy(block, values.data(), block_bytes);
    return in == end;
}

std::optional<std::size_t> unpack_planes(const PackedBlocks& packed, std::size_t first_block,
                                         std::span<const BlockExtents> extents,
                                         BlockExtents padded, std::size_t threads,
                                         std::int16_t* out) {
    std::vector<std::size_t> starts;  // first block of each plane
    starts.reserve(extents.size());
    std::size_t blocks = 0;
    for (const BlockExtents& plane : extents) {
        starts.push_back(blocks);
        blocks += plane.rows * plane.columns;
    }
    const std::size_t rows = extents.size() * padded.rows;
    const std::size_t width = padded.columns * block_coefficients;
    const std::size_t rows_of_slice =
        std::max<std::size_t>(blocks_worth_a_slice / std::max<std::size_t>(padded.columns, 1), 1);
    const std::size_t slices = (rows + rows_of_slice - 1) / rows_of_slice;
    std::atomic<std::size_t> next_slice = 0;
    std::atomic<std::size_t> first_bad = blocks;
    const auto fail = [&first_bad](std::size_t block) noexcept {
        std::size_t lowest = first_bad.load();
        while (block < lowest && !first_bad.compare_exchange_weak(lowest, block)) {
        }
    };
    const auto work = [&]() noexcept {
        Unpacker unpacker(packed);
        for (std::size_t slice = next_slice++; slice < slices; slice = next_slice++) {
            const std::size_t last = std::min(rows, (slice + 1) * rows_of_slice);
            for (std::size_t row = slice * rows_of_slice; row < last; ++row) {
                const std::size_t plane = row / padded.rows, line = row % padded.rows;
                const BlockExtents own = extents[plane];
                const std::size_t columns = line < own.rows ? own.columns : 0;
                std::int16_t* const to = out + row * width;
                std::fill(to + columns * block_coefficients, to + width, std::int16_t{0});
                const std::size_t first = starts[plane] + line * own.columns;
                const std::size_t valid = unpacker.unpack(first_block + first, columns, to);
                if (valid < columns) {
                    fail(first + valid);
                }
            }
        }
    };
    share_work(std::clamp<std::size_t>(slices, 1, std::max<std::size_t>(threads, 1)), work);
    const std::size_t bad = first_bad.load();
    return bad < blocks ? std::optional(bad) : std::nullopt;
}

}  // namespace jpegcompile
