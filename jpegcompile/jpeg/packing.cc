#include "jpeg/packing.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "jpeg/coefficients.h"

namespace jpegcompile {
namespace {

// The place in zigzag order (T.81, figure A.6) of each coefficient in natural order.
constexpr std::array<std::uint8_t, block_coefficients> zigzag_places() {
    std::array<std::uint8_t, block_coefficients> places{};
    std::uint8_t place = 0;
    for (int diagonal = 0; diagonal < 15; ++diagonal) {
        const int first = std::max(0, diagonal - 7);
        const int last = std::min(7, diagonal);
        for (int step = first; step <= last; ++step) {
            const int row = diagonal % 2 != 0 ? step : diagonal - step;
            places[static_cast<std::size_t>(row * 8 + diagonal - row)] = place++;
        }
    }
    return places;
}

constexpr auto zigzag = zigzag_places();
// Coefficients that are compared with zero at once.
constexpr std::size_t lanes = sizeof(std::uint64_t) / sizeof(std::int16_t);

// The nonzero coefficients besides DC in zigzag order: their values at their places, and a bit for
// each. Other values are not written.
std::uint64_t nonzeros(const std::int16_t* block, std::int16_t* values) noexcept {
    std::uint64_t found = 0;
    for (std::size_t first = 0; first < block_coefficients; first += lanes) {
        std::uint64_t word = 0;
        std::memcpy(&word, block + first, sizeof(word));
        if (word == 0) {
            continue;
        }
        for (std::size_t index = first; index < first + lanes; ++index) {
            const std::uint8_t place = zigzag[index];
            values[place] = block[index];
            found |= std::uint64_t{block[index] != 0} << place;
        }
    }
    return found & ~std::uint64_t{1};
}

std::uint8_t* write_word(std::uint8_t* out, std::int16_t value) noexcept {
    const auto bits = static_cast<std::uint16_t>(value);
    out[0] = static_cast<std::uint8_t>(bits);
    out[1] = static_cast<std::uint8_t>(bits >> 8);
    return out + 2;
}

// Writes the record of a block, and returns its end.
std::uint8_t* write_record(std::uint8_t* out, const std::int16_t* block) noexcept {
    std::array<std::int16_t, block_coefficients> values;
    const std::uint64_t found = nonzeros(block, values.data());
    out = write_word(out, block[0]);
    std::uint8_t& rows = *out++;
    rows = 0;
    for (unsigned row = 0; row < 8; ++row) {
        const auto mask = static_cast<std::uint8_t>(found >> (8 * row));
        *out = mask;  // the next byte overwrites a mask of zeros
        out += mask != 0;
        rows = static_cast<std::uint8_t>(rows | unsigned{mask != 0} << row);
    }
    std::array<std::int16_t, block_coefficients> large;
    std::size_t large_count = 0;
    unsigned nibbles = 0;
    unsigned index = 0;
    for (std::uint64_t left = found; left != 0; left &= left - 1, ++index) {
        const std::int16_t value = values[static_cast<std::size_t>(std::countr_zero(left))];
        const bool fits = value >= -8 && value <= 7;
        const unsigned nibble = fits ? static_cast<unsigned>(value) & 15U : 0U;
        large[large_count] = value;
        large_count += !fits;
        nibbles = index % 2 == 0 ? nibble : nibbles | nibble << 4;
        *out = static_cast<std::uint8_t>(nibbles);
        out += index % 2;
    }
    out += index % 2;
    std::uint8_t* words = out + large_count;
    for (std::size_t number = 0; number < large_count; ++number) {
        const std::int16_t value = large[number];
        const bool fits = value >= -128 && value <= 127;
        *out++ = fits ? static_cast<std::uint8_t>(value) : std::uint8_t{0};
        if (!fits) {
            words = write_word(words, value);
        }
    }
    return words;
}

}  // namespace

std::size_t pack_blocks(std::span<const std::int16_t> coefficients, std::uint8_t* stream,
                        std::uint8_t* lengths, std::int32_t* offsets) noexcept {
    const std::size_t blocks = coefficients.size() / block_coefficients;
    const std::size_t whole = (blocks + packed_group - 1) / packed_group * packed_group;
    std::fill(lengths + blocks, lengths + whole, std::uint8_t{0});
    std::uint8_t* out = stream;
    for (std::size_t block = 0; block < blocks; ++block) {
        if (block % packed_group == 0) {
            offsets[block / packed_group] = static_cast<std::int32_t>(out - stream);
        }
        std::uint8_t* const end =
            write_record(out, coefficients.data() + block * block_coefficients);
        lengths[block] = static_cast<std::uint8_t>(end - out);
        out = end;
    }
    return static_cast<std::size_t>(out - stream);
}

}  // namespace jpegcompile
