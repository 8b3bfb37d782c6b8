#include "jpeg/huffman/blocks.h"

#include <bit>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "jpeg/huffman/zigzag.h"

namespace jpegcompile::huffman {
namespace {

#define JPEGCOMPILE_INLINE [[gnu::always_inline]] inline

// Follows the last block: nothing can be told by it, so that the loop asks for its end only where
// it leaves the short way.
constexpr Entries make_stop() {
    Entries entries{};
    entries.fill({.steps = untold});
    return entries;
}
constexpr Entries stop = make_stop();

constexpr std::uint64_t last_position = block_coefficients - 1;

// The coefficient that the next symbol alone stands for.
struct Single {
    std::uint64_t bits = 0;  // 0 where the data are not clean
    std::uint64_t position = 0;
    std::uint64_t end_mask = 0;
};

// The long way, for what no entry tells: long codes, invalid ones, and the end of the block.
[[gnu::noinline, gnu::cold]] Single decode_single(const BlockTarget& target, SymbolKind kind,
                                                  std::uint64_t buffer, std::uint64_t position) {
    const CanonicalCode& code =
        kind == SymbolKind::dc ? target.tables->dc_code : target.tables->ac_code;
    const CodedSymbol coded = code.find(static_cast<std::uint32_t>(buffer >> 48));
    if (coded.length == 0 || !is_baseline(coded.symbol, kind)) {
        return {};
    }
    const auto bits = static_cast<std::uint64_t>(coded.length + coded.size());
    const std::uint64_t behind_code = buffer << coded.length;
    const auto extra = static_cast<std::uint32_t>((behind_code >> 1) >> (63 - coded.size()));
    const auto value = static_cast<std::int16_t>(extend(extra, coded.size()));
    if (kind == SymbolKind::dc) {
        target.block[0] = value;
        return {bits, 0, 0};
    }
    if (coded.symbol == end_of_block) {
        return {bits, 0, ~std::uint64_t{0}};
    }
    position += static_cast<std::uint64_t>(coded.run()) + 1;
    if (position > last_position) {
        return {};
    }
    target.block[natural_order[position]] = value;
    // A block whose last coefficient is not 0 has no end-of-block.
    return {bits, position, position == last_position ? ~std::uint64_t{0} : 0};
}

// The state of the loop, which has to stay in registers.
class Loop {
public:
    JPEGCOMPILE_INLINE Loop(const BitReader& reader, const BlockTarget* first)
        : buffer_(reader.buffer),
          next_(reader.next),
          count_(reader.count),
          target_(first),
          entries_(first->tables->dc.data()) {
        refill();
    }

    JPEGCOMPILE_INLINE const unsigned char* next() const { return next_; }
    JPEGCOMPILE_INLINE BitReader reader() const { return {buffer_, next_, count_}; }
    JPEGCOMPILE_INLINE bool is_at(const BlockTarget* target) const { return target_ == target; }

    // 56 bits at least. They may be there twice: below the `count_` highest bits of the buffer are
    // some of those that follow.
    JPEGCOMPILE_INLINE void refill() {
        std::uint64_t word;
        std::memcpy(&word, next_, sizeof word);
        if constexpr (std::endian::native == std::endian::little) {
            word = __builtin_bswap64(word);
        }
        buffer_ |= word >> count_;
        next_ += (63 - count_) >> 3;
        count_ |= 56;
    }

    // One lookup. False at the end of the blocks, and where the data are not clean. A lookup takes
    // 20 bits at most, so that one refill is enough for two; it stands where nothing waits for it.
    template <bool refills>
    JPEGCOMPILE_INLINE bool step() {
        const Entry& entry = entries_[buffer_ >> (64 - index_bits)];
        if constexpr (refills) {
            refill();
        }
        const std::uint64_t position = position_ + entry.steps;
        if (position >= last_position) [[unlikely]] {
            return long_step();
        }
        const std::uint8_t* const order = natural_order.data() + position_;
        const std::uint64_t behind_code = buffer_ << entry.code_bits;
        const std::uint64_t extra = (behind_code >> 1) >> entry.unused_bits;
        const std::uint64_t negative = ~static_cast<std::uint64_t>(
            static_cast<std::int64_t>(behind_code) >> 63);  // all ones where the highest bit is 0
        const std::uint64_t offset = (~std::uint64_t{0} >> 1 >> entry.unused_bits) & negative;
        std::int16_t* const block = target_->block;
        block[order[entry.second]] = static_cast<std::int16_t>(extra - offset);
        block[order[entry.first]] = entry.value;
        go_on(entry.bits, position, static_cast<std::uint64_t>(std::int64_t{entry.end_mask}));
        return true;
    }

private:
    JPEGCOMPILE_INLINE bool long_step() {
        if (entries_ == stop.data()) {
            return false;
        }
        refill();
        const bool is_dc = reinterpret_cast<std::uintptr_t>(entries_) != target_->ac;
        const Single single =
            decode_single(*target_, is_dc ? SymbolKind::dc : SymbolKind::ac, buffer_, position_);
        if (single.bits == 0) {
            return false;
        }
        go_on(single.bits, single.position, single.end_mask);
        refill();
        return true;
    }

    // Behind some bits, to a position in the same block or, with a mask of ones, to the next one.
    JPEGCOMPILE_INLINE void go_on(std::uint64_t bits, std::uint64_t position,
                                  std::uint64_t end_mask) {
        // Hides that the mask has two values only: compilers would make branches of it.
        asm("" : "+r"(end_mask));
        buffer_ <<= bits;
        count_ -= bits;
        position_ = position & ~end_mask;
        entries_ = reinterpret_cast<const Entry*>(target_->ac + (target_->to_next & end_mask));
        target_ = reinterpret_cast<const BlockTarget*>(reinterpret_cast<const char*>(target_) +
                                                       (end_mask & sizeof(BlockTarget)));
    }

    std::uint64_t buffer_;
    const unsigned char* next_;
    std::uint64_t count_;
    const BlockTarget* target_;
    const Entry* entries_;
    std::uint64_t position_ = 0;
};

JPEGCOMPILE_INLINE bool decode_body(BitReader& reader, const BlockTarget* first,
                                    const BlockTarget* end, const unsigned char* end_of_data) {
    Loop loop(reader, first);
    // The bits of up to 8 bytes in front of `next` are in the buffer.
    while (loop.next() <= end_of_data + sizeof(std::uint64_t)) {
        if (!loop.step<true>() || !loop.step<false>()) {
            break;
        }
    }
    reader = loop.reader();
    return loop.is_at(end);
}

using DecodeBlocks = bool (*)(BitReader&, const BlockTarget*, const BlockTarget*,
                              const unsigned char*);

bool decode_plain(BitReader& reader, const BlockTarget* first, const BlockTarget* end,
                  const unsigned char* end_of_data) {
    return decode_body(reader, first, end, end_of_data);
}

#if defined(__x86_64__)
// For its shifts, which take any register and leave the flags alone (BMI2).
[[gnu::target("arch=x86-64-v3")]] bool decode_v3(BitReader& reader, const BlockTarget* first,
                                                 const BlockTarget* end,
                                                 const unsigned char* end_of_data) {
    return decode_body(reader, first, end, end_of_data);
}
#endif

// JPEGCOMPILE_ISA=plain chooses as on a machine without BMI2, as it does for kernels.
DecodeBlocks choose() {
#if defined(__x86_64__)
    const char* const asked = std::getenv("JPEGCOMPILE_ISA");
    __builtin_cpu_init();
    if (__builtin_cpu_supports("x86-64-v3") &&
        (asked == nullptr || std::string_view(asked) != "plain")) {
        return decode_v3;
    }
#endif
    return decode_plain;
}

}  // namespace

void link(BlockTarget* first, BlockTarget* end) noexcept {
    for (BlockTarget* target = first; target != end; ++target) {
        target->ac = reinterpret_cast<std::uintptr_t>(target->tables->ac.data());
        const Entry* const next =
            target + 1 == end ? stop.data() : (target + 1)->tables->dc.data();
        target->to_next = reinterpret_cast<std::uintptr_t>(next) - target->ac;
    }
}

bool decode_blocks(BitReader& reader, BlockTarget* first, BlockTarget* end,
                   const unsigned char* end_of_data) noexcept {
    static const DecodeBlocks decode = choose();
    BlockTarget& last = *(end - 1);
    const std::uintptr_t to_next = last.to_next;
    last.to_next = reinterpret_cast<std::uintptr_t>(stop.data()) - last.ac;
    const bool is_clean = decode(reader, first, end, end_of_data);
    last.to_next = to_next;
    return is_clean;
}

}  // namespace jpegcompile::huffman
