#include "jpeg/huffman/lookup.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <utility>

namespace jpegcompile::huffman {
namespace {

constexpr std::uint8_t no_unused_bits = 63;
constexpr std::size_t index_count = std::size_t{1} << index_bits;

std::uint8_t narrow(int value) noexcept { return static_cast<std::uint8_t>(value); }

// What a symbol adds to an entry if its code lies in the last bits of the index.
struct Second {
    Entry entry{.unused_bits = no_unused_bits};
    int length = longest_code + 1;  // of its code
};
using Seconds = std::array<Second, index_count>;

// The entry whose fields are the sums: no sum of two parts exceeds a byte.
Entry sum(const Entry& a, const Entry& b) noexcept {
    return std::bit_cast<Entry>(std::bit_cast<std::uint64_t>(a) + std::bit_cast<std::uint64_t>(b));
}

// Steps from the last coefficient to that of the symbol; a DC coefficient is the first of all.
int steps_of(const CodedSymbol& coded, SymbolKind kind) noexcept {
    return kind == SymbolKind::dc ? 0 : coded.run() + 1;
}

Entry second_of(const CodedSymbol& coded, SymbolKind kind) noexcept {
    if (kind == SymbolKind::ac && coded.symbol == end_of_block) {
        return {.bits = narrow(coded.length), .unused_bits = no_unused_bits, .end_mask = -1};
    }
    const std::uint8_t steps = narrow(steps_of(coded, kind));
    return {.second = steps,
            .steps = steps,
            .bits = narrow(coded.length + coded.size()),
            .code_bits = narrow(coded.length),
            .unused_bits = narrow(no_unused_bits - coded.size())};
}

// Calls `visit` with each symbol of baseline files whose code fits into the index, and with the
// range of indices that begin with the code.
template <typename Visit>
void for_each_symbol(const CanonicalCode& code, SymbolKind kind, Visit visit) {
    std::size_t place = 0, index = 0;
    for (int length = 1; length <= index_bits; ++length) {
        const std::size_t width = index_count >> length;
        for (std::size_t left = code.count(length); left > 0; --left, ++place, index += width) {
            const CodedSymbol coded{length, code.symbol(place)};
            if (is_baseline(coded.symbol, kind)) {
                visit(coded, index, width);
            }
        }
    }
}

Seconds seconds_of(const CanonicalCode& code) {
    Seconds seconds;
    for_each_symbol(code, SymbolKind::ac,
                    [&seconds](const CodedSymbol& coded, std::size_t index, std::size_t width) {
                        std::fill_n(seconds.begin() + index, width,
                                    Second{second_of(coded, SymbolKind::ac), coded.length});
                    });
    return seconds;
}

// The entries of one symbol that lies in the index with its value, which takes `rest` bits less.
void fill_pairs(Entry* entries, const CodedSymbol& coded, SymbolKind kind, const Seconds& seconds) {
    const int bits = coded.length + coded.size(), rest = index_bits - bits;
    const std::uint8_t steps = narrow(steps_of(coded, kind));
    for (std::uint32_t value = 0; value < std::uint32_t{1} << coded.size(); ++value) {
        const Entry first{.value = static_cast<std::int8_t>(extend(value, coded.size())),
                          .first = steps,
                          .second = steps,
                          .steps = steps,
                          .bits = narrow(bits),
                          .code_bits = narrow(bits)};
        for (std::size_t next = 0; next < std::size_t{1} << rest; ++next) {
            const Second& second = seconds[next << bits];
            *entries++ = sum(first, second.length <= rest ? second.entry : Second{}.entry);
        }
    }
}

void fill(Entries& entries, const CanonicalCode& code, SymbolKind kind, const Seconds& seconds) {
    entries.fill({.steps = untold});
    for_each_symbol(code, kind, [&](const CodedSymbol& coded, std::size_t index, std::size_t width) {
        Entry* const first = entries.data() + index;
        const bool is_end = kind == SymbolKind::ac && coded.symbol == end_of_block;
        // The largest values of 7 bits are the largest of std::int8_t.
        if (!is_end && coded.length + coded.size() <= index_bits && coded.size() <= 7) {
            fill_pairs(first, coded, kind, seconds);
            return;
        }
        // Only as a second one. The zero of the missing first one goes right behind it.
        Entry entry = second_of(coded, kind);
        entry.first = static_cast<std::uint8_t>(entry.second + 1);
        entry.second = is_end ? entry.first : entry.second;
        std::fill_n(first, width, entry);
    });
}

std::shared_ptr<const LookupTables> make_tables(const ComponentTables& definitions) {
    const auto dc_code = CanonicalCode::of(definitions.dc, SymbolKind::dc);
    const auto ac_code = CanonicalCode::of(definitions.ac, SymbolKind::ac);
    if (!dc_code || !ac_code) {
        return nullptr;
    }
    auto tables = std::make_shared<LookupTables>(LookupTables{{}, {}, *dc_code, *ac_code});
    const Seconds seconds = seconds_of(*ac_code);
    fill(tables->dc, *dc_code, SymbolKind::dc, seconds);
    fill(tables->ac, *ac_code, SymbolKind::ac, seconds);
    return tables;
}

// The tables that were asked for last, the last one first.
class RecentTables {
public:
    std::shared_ptr<const LookupTables> get(const ComponentTables& definitions) {
        const auto found = std::find_if(
            recent_.begin(), recent_.end(),
            [&](const Recent& one) { return one.tables && one.definitions == definitions; });
        if (found != recent_.end()) {
            std::rotate(recent_.begin(), found, found + 1);
            return recent_.front().tables;
        }
        std::shared_ptr<const LookupTables> tables = make_tables(definitions);
        if (tables != nullptr) {
            std::rotate(recent_.begin(), recent_.end() - 1, recent_.end());
            recent_.front() = {definitions, tables};
        }
        return tables;
    }

private:
    struct Recent {
        ComponentTables definitions;
        std::shared_ptr<const LookupTables> tables;
    };
    std::array<Recent, 4> recent_;  // those of two colour files
};

}  // namespace

std::shared_ptr<const LookupTables> lookup_tables(const ComponentTables& tables) {
    thread_local RecentTables recent;
    return recent.get(tables);
}

}  // namespace jpegcompile::huffman
