#include "jpeg/huffman/lookup.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <utility>

namespace jpegcompile::huffman {
namespace {

// For scans of fewer bytes, pairs cost more time than they save.
constexpr std::size_t short_scan = 4096;
constexpr std::size_t index_count = std::size_t{1} << index_bits;

std::uint8_t narrow(int value) noexcept { return static_cast<std::uint8_t>(value); }

// The part of an entry for its second symbol. If the first symbol leaves `rest` bits of the index,
// the part for value v of these bits is at index `(1 << rest) + v`.
using Seconds = std::array<Entry, index_count>;

// Returns the entry with the sums of all fields. No sum of two parts exceeds a byte.
Entry sum(const Entry& a, const Entry& b) noexcept {
    return std::bit_cast<Entry>(std::bit_cast<std::uint64_t>(a) + std::bit_cast<std::uint64_t>(b));
}

// Like std::fill_n, for which GCC writes each field separately.
void repeat(Entry* entries, std::size_t count, const Entry& entry) noexcept {
    const auto word = std::bit_cast<std::uint64_t>(entry);
    for (std::size_t index = 0; index < count; ++index) {
        std::memcpy(static_cast<void*>(entries + index), &word, sizeof word);
    }
}

// Returns the steps from the last coefficient to the coefficient of the symbol. A DC coefficient is
// the first of its block.
int steps_of(const CodedSymbol& coded, SymbolKind kind) noexcept {
    return kind == SymbolKind::dc ? 0 : coded.run() + 1;
}

Entry second_of(const CodedSymbol& coded, SymbolKind kind) noexcept {
    if (kind == SymbolKind::ac && coded.symbol == end_of_block) {
        return {.bits = narrow(coded.length), .end_mask = -1};
    }
    const std::uint8_t steps = narrow(steps_of(coded, kind));
    if (coded.size() == 0) {
        return {.bits = narrow(coded.length), .steps = steps};
    }
    return {.bits = narrow(coded.length + coded.size()),
            .second = steps,
            .steps = steps,
            .code_bits = narrow(coded.length),
            .unused_bits = narrow(64 - coded.size())};
}

// A symbol of baseline files whose code has at most `index_bits` bits.
struct ShortCode {
    CodedSymbol coded;
    std::size_t code = 0;

    // The first index of `bits` bits that begins with the code, and the number of such indices.
    [[nodiscard]] std::size_t first(int bits) const noexcept {
        return code << (bits - coded.length);
    }
    [[nodiscard]] std::size_t width(int bits) const noexcept {
        return std::size_t{1} << (bits - coded.length);
    }
};

template <typename Visit>
void for_each_short_code(const CanonicalCode& canonical, SymbolKind kind, Visit visit) {
    std::size_t place = 0, code = 0;
    for (int length = 1; length <= index_bits; ++length, code <<= 1) {
        for (std::size_t left = canonical.count(length); left > 0; --left, ++place, ++code) {
            const ShortCode found{{length, canonical.symbol(place)}, code};
            if (is_baseline(found.coded.symbol, kind)) {
                visit(found);
            }
        }
    }
}

Seconds seconds_of(const CanonicalCode& ac_code) {
    Seconds seconds;
    repeat(seconds.data(), seconds.size(), {});
    for_each_short_code(ac_code, SymbolKind::ac, [&seconds](const ShortCode& found) {
        const Entry entry = second_of(found.coded, SymbolKind::ac);
        for (int rest = found.coded.length; rest < index_bits; ++rest) {
            repeat(seconds.data() + (std::size_t{1} << rest) + found.first(rest),
                   found.width(rest), entry);
        }
    });
    return seconds;
}

// Writes the entries of a single symbol, which is their second coefficient.
void fill_alone(Entries& entries, const ShortCode& found, SymbolKind kind) {
    Entry entry = second_of(found.coded, kind);
    if (found.coded.size() != 0) {
        entry.first = narrow(entry.second + 1);
    } else {
        entry.first = entry.second = kind == SymbolKind::dc ? 0 : 1;
    }
    repeat(entries.data() + found.first(index_bits), found.width(index_bits), entry);
}

// Writes the entries of a symbol whose value is also in the index, and of the symbols that follow.
void fill_pairs(Entries& entries, const ShortCode& found, SymbolKind kind,
                const Seconds& seconds) {
    const int size = found.coded.size(), bits = found.coded.length + size;
    const std::uint8_t steps = narrow(steps_of(found.coded, kind));
    const std::size_t count = std::size_t{1} << (index_bits - bits);
    const Entry* const following = seconds.data() + count;
    Entry* entry = entries.data() + found.first(index_bits);
    for (std::uint32_t value = 0; value < std::uint32_t{1} << size; ++value) {
        const Entry first{.bits = narrow(bits),
                          .first = steps,
                          .second = steps,
                          .steps = steps,
                          .value = static_cast<std::int8_t>(extend(value, size)),
                          .code_bits = narrow(bits)};
        entry = std::transform(following, following + count, entry,
                               [first](const Entry& second) { return sum(first, second); });
    }
}

// If `seconds` is null, the entries contain single symbols.
void fill(Entries& entries, const CanonicalCode& code, SymbolKind kind, const Seconds* seconds) {
    repeat(entries.data(), entries.size(), {.steps = untold});
    for_each_short_code(code, kind, [&](const ShortCode& found) {
        const int size = found.coded.size();
        const bool is_end = kind == SymbolKind::ac && found.coded.symbol == end_of_block;
        // The largest values of 7 bits are the largest of std::int8_t.
        const bool is_whole = found.coded.length + size <= index_bits && size <= 7 && !is_end;
        if (seconds != nullptr && is_whole) {
            fill_pairs(entries, found, kind, *seconds);
        } else {
            fill_alone(entries, found, kind);
        }
    });
}

std::shared_ptr<const LookupTables> make_tables(const ComponentTables& definitions,
                                                bool has_pairs) {
    const auto dc_code = CanonicalCode::of(definitions.dc, SymbolKind::dc);
    const auto ac_code = CanonicalCode::of(definitions.ac, SymbolKind::ac);
    if (!dc_code || !ac_code) {
        return nullptr;
    }
    auto tables = std::make_shared<LookupTables>();
    tables->dc_code = *dc_code;
    tables->ac_code = *ac_code;
    tables->has_pairs = has_pairs;
    std::optional<Seconds> seconds;
    if (has_pairs) {
        seconds = seconds_of(*ac_code);
    }
    fill(tables->dc, *dc_code, SymbolKind::dc, has_pairs ? &*seconds : nullptr);
    fill(tables->ac, *ac_code, SymbolKind::ac, has_pairs ? &*seconds : nullptr);
    return tables;
}

// The most recently requested tables, the last one first.
class RecentTables {
public:
    std::shared_ptr<const LookupTables> get(const ComponentTables& definitions, bool is_short) {
        auto found = std::find_if(
            recent_.begin(), recent_.end(),
            [&](const Recent& one) { return one.tables && one.definitions == definitions; });
        const bool is_known = found != recent_.end();
        found = is_known ? found : recent_.end() - 1;
        if (!is_known || !found->tables->has_pairs) {
            std::shared_ptr<const LookupTables> tables =
                make_tables(definitions, is_known || !is_short);
            if (tables == nullptr) {
                return nullptr;
            }
            *found = {definitions, std::move(tables)};
        }
        std::rotate(recent_.begin(), found, found + 1);
        return recent_.front().tables;
    }

private:
    struct Recent {
        ComponentTables definitions;
        std::shared_ptr<const LookupTables> tables;
    };
    std::array<Recent, 4> recent_;  // the tables of two color files
};

}  // namespace

std::shared_ptr<const LookupTables> lookup_tables(const ComponentTables& tables,
                                                  std::size_t scan_bytes) {
    thread_local RecentTables recent;
    return recent.get(tables, scan_bytes < short_scan);
}

}  // namespace jpegcompile::huffman
