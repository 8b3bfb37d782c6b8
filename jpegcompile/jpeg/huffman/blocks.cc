#include "jpeg/huffman/blocks.h"

#include <bit>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "jpeg/huffman/zigzag.h"

namespace jpegcompile::huffman {
namespace {

#define JPEGCOMPILE_INLINE [[gnu::always_inline]] inline

// The entries after the last block. They decode nothing, so only the slow path of the loop has to
// check for the end.
constexpr Entries make_stop() {
    Entries entries{};
    entries.fill({.steps = untold});
    return entries;
}
constexpr Entries stop = make_stop();

constexpr std::uint64_t last_position = block_coefficients - 1;

// A single decoded symbol.
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

// Returns an entry as a word: `bits` is in the lowest byte, the sign of `end_mask` is the highest
// bit.
JPEGCOMPILE_INLINE std::uint64_t word_of(const Entry& entry) {
    const auto word = std::bit_cast<std::uint64_t>(entry);
    return std::endian::native == std::endian::little ? word : __builtin_bswap64(word);
}

// The state of the loop, which must stay in registers. The dependency from one entry to the next
// decides how long a step takes, so a step computes the next entry first.
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

    // Fills the buffer to at least 56 bits. Bits below the highest `count_` bits may already
    // contain the data that follows; a later refill writes the same bits again.
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

    // Does one lookup. Returns false at the end of the blocks, and if the data is not clean. A
    // lookup uses at most 21 bits, so one refill is enough for two lookups. The refill comes last,
    // where nothing waits for it.
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
        // Nothing waits for the code below. The empty assembly hides from the compiler that `word`
        // contains the same fields, because loads are cheaper than shifts.
        asm("" : "+r"(entry));
        const std::uint8_t* const order = natural_order.data() + before;
        const std::uint64_t behind_code = buffer << entry->code_bits;
        const std::uint64_t extra = behind_code >> entry->unused_bits;
        const std::uint64_t negative = ~static_cast<std::uint64_t>(
            static_cast<std::int64_t>(behind_code) >> 63);  // all ones if the highest bit is 0
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

    // Returns whether the entry ends at the last coefficient of the block. No end-of-block code
    // follows the last coefficient.
    JPEGCOMPILE_INLINE bool is_last(const Entry& entry, std::uint64_t position) const {
        return position == last_position && entry.end_mask == 0 &&
               position_ + entry.first <= last_position;
    }

    // Returns whether the current entry belongs to the entries at an address.
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

    // Skips the number of bits in the lowest byte of `word`. Then goes to `position` in the same
    // block or, if `word` has the end bit, to the next block.
    JPEGCOMPILE_INLINE void go_on(std::uint64_t word, std::uint64_t position) {
        buffer_ <<= word & 63;
        count_ -= word;  // only the lowest six bits matter
        position_ = position;
        std::uintptr_t entries = target_->ac;
        const std::uintptr_t next_entries = target_->next;
        // Compilers would generate unpredictable branches here; assembly avoids them.
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
        // Hides from the compiler that the address is known, so that it loads the word by its index
        // without waiting for the address.
        asm("" : "+r"(index));
        entry_ = reinterpret_cast<const Entry*>(entries) + index;
    }

    std::uint64_t buffer_;
    const unsigned char* next_;
    std::uint64_t count_;  // the lowest six bits count the valid bits of the buffer
    const BlockTarget* target_;
    std::uint64_t position_ = 0;
    // The entry of the next bits, and its fields as a word.
    const Entry* entry_;
    std::uint64_t word_;
};

JPEGCOMPILE_INLINE bool decode_body(BitReader& reader, const BlockTarget* first,
                                    const BlockTarget* end, const unsigned char* end_of_data) {
    Loop loop(reader, first);
    // The buffer contains the bits of up to 8 bytes before `next`.
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
// The shifts of BMI2 accept any register and do not change the flags.
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
