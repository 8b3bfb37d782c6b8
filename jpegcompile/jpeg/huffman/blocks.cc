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

// The coefficient of the next symbol alone.
struct Single {
    std::uint64_t bits = 0;  // 0 if the data is not clean
    std::uint64_t position = 0;
    std::uint64_t end_mask = 0;
};

// The slow path for cases without an entry: long codes, invalid codes, and the end of the block.
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
    // A block whose last coefficient is nonzero has no end-of-block code.
    return {bits, position, position == last_position ? ~std::uint64_t{0} : 0};
}

// An entry with `bits` in its lowest byte and the sign of `end_mask` as its highest bit.
JPEGCOMPILE_INLINE std::uint64_t word_of(const Entry& entry) {
    const auto word = std::bit_cast<std::uint64_t>(entry);
    return std::endian::native == std::endian::little ? word : __builtin_bswap64(word);
}

// The state of the loop, which has to stay in registers. What leads from one entry to the next
// decides how long a step takes, so that comes first.
class Loop {
public:
    JPEGCOMPILE_INLINE Loop(const BitReader& reader, const BlockTarget* first)
        : buffer_(reader.buffer), next_(reader.next), count_(reader.count), target_(first) {
        refill();
        look_up(reinterpret_cast<std::uintptr_t>(first->tables->dc.data()));
    }

    JPEGCOMPILE_INLINE const unsigned char* next() const { return next_; }
    JPEGCOMPILE_INLINE BitReader reader() const { return {buffer_, next_, count_ & 63}; }
    JPEGCOMPILE_INLINE bool is_at(const BlockTarget* target) const { return target_ == target; }

    // 56 bits at least. They may be there twice: below the `count_` highest bits of the buffer are
    // some of those that follow.
    JPEGCOMPILE_INLINE void refill() {
        std::uint64_t word;
        std::memcpy(&word, next_, sizeof word);
        if constexpr (std::endian::native == std::endian::little) {
            word = __builtin_bswap64(word);
        }
        buffer_ |= word >> (count_ & 63);
        next_ += (~count_ >> 3) & 7;
        count_ |= 56;
    }

    // One lookup. False at the end of the blocks, and where the data are not clean. A lookup takes
    // 21 bits at most, so that one refill is enough for two; it stands where nothing waits for it.
    template <bool refills>
    JPEGCOMPILE_INLINE bool step() {
        const Entry* entry = entry_;
        std::uint64_t word = word_;
        const std::uint64_t buffer = buffer_, before = position_;
        const std::uint64_t position = before + entry->steps;
        if (position >= last_position) [[unlikely]] {
            if (!is_last(*entry, position)) {
                return long_step();
            }
            word |= end_bit;
        }
        std::int16_t* const block = target_->block;
        go_on(word, position);
        // Nothing waits for the rest. Hides that the fields are in `word`, too: loads are cheaper
        // than shifts.
        asm("" : "+r"(entry));
        const std::uint8_t* const order = natural_order.data() + before;
        const std::uint64_t behind_code = buffer << entry->code_bits;
        const std::uint64_t extra = behind_code >> entry->unused_bits;
        const std::uint64_t negative = ~static_cast<std::uint64_t>(
            static_cast<std::int64_t>(behind_code) >> 63);  // all ones where the highest bit is 0
        const std::uint64_t offset = negative >> entry->unused_bits;
        block[order[entry->second]] = static_cast<std::int16_t>(extra - offset);
        block[order[entry->first]] = entry->value;
        if constexpr (refills) {
            refill();
        }
        return true;
    }

private:
    static constexpr std::uint64_t end_bit = std::uint64_t{1} << 63;

    // Whether the entry ends at the last coefficient of the block, behind which no end-of-block is.
    JPEGCOMPILE_INLINE bool is_last(const Entry& entry, std::uint64_t position) const {
        return position == last_position && entry.end_mask == 0 &&
               position_ + entry.first <= last_position;
    }

    // Whether the current entry is one of those at an address.
    JPEGCOMPILE_INLINE bool is_among(std::uintptr_t entries) const {
        return reinterpret_cast<std::uintptr_t>(entry_) - entries < sizeof(Entries);
    }

    JPEGCOMPILE_INLINE bool long_step() {
        if (is_among(reinterpret_cast<std::uintptr_t>(stop.data()))) {
            return false;
        }
        refill();
        const SymbolKind kind = is_among(target_->ac) ? SymbolKind::ac : SymbolKind::dc;
        const Single single = decode_single(*target_, kind, buffer_, position_);
        if (single.bits == 0) {
            return false;
        }
        go_on(single.bits | (single.end_mask & end_bit), single.position);
        refill();
        return true;
    }

    // Behind some bits, in the lowest byte of `word`, to a position in the same block or, where
    // `word` has the end bit, to the next block.
    JPEGCOMPILE_INLINE void go_on(std::uint64_t word, std::uint64_t position) {
        buffer_ <<= word & 63;
        count_ -= word;  // whose lowest six bits count
        position_ = position;
        std::uintptr_t entries = target_->ac;
        const std::uintptr_t next_entries = target_->next;
        // Assembly avoids unpredictable branches, which compilers would generate.
#if defined(__x86_64__)
        asm("test %[word], %[word]\n\t"
            "cmovs %[next_entries], %[entries]\n\t"
            "cmovs %[start], %[position]\n\t"
            "cmovs %[next_target], %[target]"
            : [entries] "+&r"(entries), [position] "+&r"(position_), [target] "+&r"(target_)
            : [word] "r"(word), [next_entries] "r"(next_entries),
              [start] "r"(std::uint64_t{0}), [next_target] "r"(target_ + 1)
            : "cc");
#else
        auto end_mask = static_cast<std::uint64_t>(static_cast<std::int64_t>(word) >> 63);
        asm("" : "+r"(end_mask));
        entries += (next_entries - entries) & end_mask;
        position_ &= ~end_mask;
        target_ += end_mask & 1;
#endif
        look_up(entries);
    }

    JPEGCOMPILE_INLINE void look_up(std::uintptr_t entries) {
        std::uint64_t index = buffer_ >> (64 - index_bits);
        word_ = word_of(reinterpret_cast<const Entry*>(entries)[index]);
        // Hides that the address is known: the word is loaded by its index, without waiting for it.
        asm("" : "+r"(index));
        entry_ = reinterpret_cast<const Entry*>(entries) + index;
    }

    std::uint64_t buffer_;
    const unsigned char* next_;
    std::uint64_t count_;  // in its lowest six bits
    const BlockTarget* target_;
    std::uint64_t position_ = 0;
    // What the next bits begin with.
    const Entry* entry_;
    std::uint64_t word_;
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
// BMI2 has shifts by any register that do not change the flags.
[[gnu::target("arch=x86-64-v3")]] bool decode_v3(BitReader& reader, const BlockTarget* first,
                                                 const BlockTarget* end,
                                                 const unsigned char* end_of_data) {
    return decode_body(reader, first, end, end_of_data);
}
#endif

// JPEGCOMPILE_ISA=plain selects the code for machines without BMI2, as for kernels.
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
        target->next = reinterpret_cast<std::uintptr_t>(next);
    }
}

bool decode_blocks(BitReader& reader, BlockTarget* first, BlockTarget* end,
                   const unsigned char* end_of_data) noexcept {
    static const DecodeBlocks decode = choose();
    BlockTarget& last = *(end - 1);
    const std::uintptr_t next = last.next;
    last.next = reinterpret_cast<std::uintptr_t>(stop.data());
    const bool is_clean = decode(reader, first, end, end_of_data);
    last.next = next;
    return is_clean;
}

}  // namespace jpegcompile::huffman
