#include "jpeg/packing.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstring>
#include <system_error>
#include <thread>
#include <vector>

#include "jpeg/coefficients.h"

namespace jpegcompile {
namespace {

// For each coefficient in natural order, its place in zigzag order (T.81, figure A.6).
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
// About 0.1 ms of work. Starting a thread takes a tenth of that.
constexpr std::size_t blocks_worth_a_thread = 1024;
// Number of coefficients compared with zero at once. The first one is in the lowest bits.
constexpr std::size_t lanes = sizeof(std::uint64_t) / sizeof(std::int16_t);
static_assert(std::endian::native == std::endian::little);

// Returns a bit per coefficient in natural order, set if the coefficient is nonzero. Zeros are hard
// to predict, so the code has no branches.
std::uint64_t nonzeros(const std::int16_t* block) noexcept {
    constexpr std::uint64_t low_bits = 0x7fff'7fff'7fff'7fff;
    // Multiplying by this moves bits 0, 16, 32 and 48, the highest bits of the four lanes after a
    // shift, to bits 48 to 51.
    constexpr std::uint64_t gather = std::uint64_t{1} << 48 | std::uint64_t{1} << 33 |
                                     std::uint64_t{1} << 18 | std::uint64_t{1} << 3;
    static_assert(lanes == 4);
    std::uint64_t found = 0;
    for (std::size_t first = 0; first < block_coefficients; first += lanes) {
        std::uint64_t word = 0;
        std::memcpy(&word, block + first, sizeof(word));
        const std::uint64_t highest = (((word & low_bits) + low_bits) | word) & ~low_bits;
        found |= (((highest >> 15) * gather >> 48) & 15) << first;
    }
    return found;
}

std::uint8_t* write_word(std::uint8_t* out, std::int16_t value) noexcept {
    const auto bits = static_cast<std::uint16_t>(value);
    out[0] = static_cast<std::uint8_t>(bits);
    out[1] = static_cast<std::uint8_t>(bits >> 8);
    return out + 2;
}

// Writes the record of a block and returns its end. May also write bytes after the end, within the
// size of a longest record; the next record overwrites them.
std::uint8_t* write_record(std::uint8_t* out, const std::int16_t* block) noexcept {
    std::array<std::int16_t, block_coefficients> values;
    std::uint64_t found = 0;
    for (std::uint64_t left = nonzeros(block) & ~std::uint64_t{1}; left != 0; left &= left - 1) {
        const auto index = static_cast<std::size_t>(std::countr_zero(left));
        values[zigzag[index]] = block[index];
        found |= std::uint64_t{1} << zigzag[index];
    }
    out = write_word(out, block[0]);
    std::uint8_t& rows = *out++;
    unsigned present = 0;
    for (unsigned row = 0; row < 8; ++row) {
        const auto mask = static_cast<std::uint8_t>(found >> (8 * row));
        *out = mask;  // the next byte overwrites a mask of zeros
        out += mask != 0;
        present |= unsigned{mask != 0} << row;
    }
    rows = static_cast<std::uint8_t>(present);
    std::array<std::int16_t, block_coefficients> large;
    std::size_t large_count = 0;
    std::array<std::uint8_t, block_coefficients / 2> nibbles{};
    unsigned count = 0;
    for (std::uint64_t left = found; left != 0; left &= left - 1, ++count) {
        const std::int16_t value = values[static_cast<std::size_t>(std::countr_zero(left))];
        const bool fits = value >= -8 && value <= 7;
        const unsigned nibble = fits ? static_cast<unsigned>(value) & 15U : 0U;
        nibbles[count / 2] |= static_cast<std::uint8_t>(nibble << (count % 2 * 4));
        large[large_count] = value;
        large_count += !fits;
    }
    std::memcpy(out, nibbles.data(), nibbles.size());
    out += (count + 1) / 2;
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

// A slice of work: whole groups that one thread packs. Its output starts where it would start if
// all earlier records had the largest size.
struct Share {
    std::size_t first_block = 0;
    std::size_t last_block = 0;
    std::uint8_t* stream = nullptr;
    std::size_t bytes = 0;
};

// Packs a slice of work. Offsets count from the start of the slice.
void pack_share(Share& share, const std::int16_t* coefficients, std::uint8_t* lengths,
                std::int32_t* offsets) noexcept {
    std::uint8_t* out = share.stream;
    for (std::size_t block = share.first_block; block < share.last_block; ++block) {
        if (block % packed_group == 0) {
            offsets[block / packed_group] = static_cast<std::int32_t>(out - share.stream);
        }
        std::uint8_t* const end = write_record(out, coefficients + block * block_coefficients);
        lengths[block] = static_cast<std::uint8_t>(end - out);
        out = end;
    }
    share.bytes = static_cast<std::size_t>(out - share.stream);
}

std::vector<Share> shares_of(std::size_t blocks, std::size_t threads, std::uint8_t* stream) {
    const std::size_t most = std::max<std::size_t>(threads, 1);
    const std::size_t count = std::clamp<std::size_t>(blocks / blocks_worth_a_thread, 1, most);
    const std::size_t groups = (blocks + packed_group - 1) / packed_group;
    std::vector<Share> shares(count);
    for (std::size_t index = 0; index < count; ++index) {
        Share& share = shares[index];
        share.first_block = groups * index / count * packed_group;
        share.last_block = std::min(blocks, groups * (index + 1) / count * packed_group);
        share.stream = stream + share.first_block * longest_record;
    }
    return shares;
}

// Moves the output of all slices together and returns its size in bytes.
std::size_t join(std::span<Share> shares, std::uint8_t* stream, std::int32_t* offsets) noexcept {
    std::size_t bytes = 0;
    for (const Share& share : shares) {
        std::memmove(stream + bytes, share.stream, share.bytes);
        for (std::size_t block = share.first_block; block < share.last_block;
             block += packed_group) {
            offsets[block / packed_group] += static_cast<std::int32_t>(bytes);
        }
        bytes += share.bytes;
    }
    return bytes;
}

}  // namespace

std::size_t pack_blocks(std::span<const std::int16_t> coefficients, std::size_t threads,
                        std::uint8_t* stream, std::uint8_t* lengths, std::int32_t* offsets) {
    const std::size_t blocks = coefficients.size() / block_coefficients;
    const std::size_t whole = (blocks + packed_group - 1) / packed_group * packed_group;
    std::fill(lengths + blocks, lengths + whole, std::uint8_t{0});
    std::vector<Share> shares = shares_of(blocks, threads, stream);
    std::atomic<std::size_t> next = 0;
    const auto work = [&]() noexcept {
        for (std::size_t index = next++; index < shares.size(); index = next++) {
            pack_share(shares[index], coefficients.data(), lengths, offsets);
        }
    };
    {
        std::vector<std::jthread> helpers;  // joined when they go out of scope
        helpers.reserve(shares.size());
        try {
            for (std::size_t index = 1; index < shares.size(); ++index) {
                helpers.emplace_back(work);
            }
        } catch (const std::system_error&) {
            // The system refuses to start more threads: the running ones do the work.
        }
        work();
    }
    return join(shares, stream, offsets);
}

}  // namespace jpegcompile
