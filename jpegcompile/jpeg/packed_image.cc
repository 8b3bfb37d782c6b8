#include "jpeg/packed_image.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <numeric>
#include <string>
#include <utility>

#include "jpeg/packing.h"
#include "jpeg/unpacking.h"

namespace jpegcompile {
namespace {

constexpr std::array spaces = {ColorSpace::gray, ColorSpace::ycbcr, ColorSpace::rgb};

[[noreturn]] void fail(const std::string& cause) {
    throw ReadError(FailureKind::damaged, "damaged packed image: " + cause, "build the cache again");
}

std::size_t ceil_div(std::size_t dividend, std::size_t divisor) {
    return (dividend + divisor - 1) / divisor;
}

template <typename Number>
Number number_at(std::span<const std::uint8_t> bytes, std::size_t at) {
    Number value = 0;
    std::memcpy(&value, bytes.data() + at, sizeof(value));
    return value;
}

template <typename Number>
void put(std::vector<std::uint8_t>& bytes, std::size_t at, Number value) {
    std::memcpy(bytes.data() + at, &value, sizeof(value));
}

void append(std::vector<std::uint8_t>& bytes, std::span<const std::uint8_t> more) {
    const std::size_t before = bytes.size();
    bytes.resize(before + more.size());
    std::ranges::copy(more, bytes.data() + before);
}

Image frame_of(std::span<const std::uint8_t> record) {
    if (record.size() < packed_header_bytes) {
        fail("it has no header");
    }
    Image frame;
    frame.height = number_at<std::uint16_t>(record, 0);
    frame.width = number_at<std::uint16_t>(record, 2);
    const std::size_t count = record[4], space = record[5];
    frame.orientation = record[6];
    frame.progressive = record[7] == 1;
    const bool is_known = (count == 1 && space == 0) || (count == 3 && (space == 1 || space == 2));
    if (!is_known || frame.height == 0 || frame.width == 0 || frame.orientation < 1 ||
        frame.orientation > 8 || record[7] > 1 || record[11] != 0) {
        fail("its header has values out of range");
    }
    frame.color_space = spaces[space];
    frame.components.resize(count);
    for (std::size_t index = 0; index < 3; ++index) {
        const int factors = record[8 + index], horizontal = factors >> 4, vertical = factors & 15;
        if (index >= count ? factors != 0
                           : horizontal < 1 || horizontal > 4 || vertical < 1 || vertical > 4) {
            fail("its sampling factors are out of range");
        }
        if (index < count) {
            frame.components[index].horizontal_factor = horizontal;
            frame.components[index].vertical_factor = vertical;
        }
    }
    return frame;
}

// Sets the numbers of blocks that cover the true sizes of the components (T.81, A.1.1).
void set_extents(Image& frame) {
    int horizontal = 1, vertical = 1;
    for (const Component& component : frame.components) {
        horizontal = std::max(horizontal, component.horizontal_factor);
        vertical = std::max(vertical, component.vertical_factor);
    }
    const auto blocks = [](std::size_t size, int factor, int most) {
        const std::size_t samples =
            ceil_div(size * static_cast<std::size_t>(factor), static_cast<std::size_t>(most));
        return ceil_div(samples, 8);
    };
    // The factors of a single component have no effect.
    for (Component& component : frame.components) {
        component.block_rows = blocks(frame.height, component.vertical_factor, vertical);
        component.block_columns = blocks(frame.width, component.horizontal_factor, horizontal);
    }
    if (frame.components.size() == 1) {
        frame.components[0].block_rows = ceil_div(frame.height, 8);
        frame.components[0].block_columns = ceil_div(frame.width, 8);
    }
}

void set_table(Component& component, std::span<const std::uint8_t> tables, std::size_t index) {
    if (index >= tables.size() / table_bytes) {
        fail("it has a quantization table that does not exist");
    }
    std::memcpy(component.quantization.data(), tables.data() + index * table_bytes, table_bytes);
    if (std::ranges::find(component.quantization, 0) != component.quantization.end()) {
        fail("its quantization table contains a zero");
    }
}

// Unpacks the rows of blocks of a component, one after another.
class ComponentRows {
public:
    ComponentRows(const PackedComponent& component, std::size_t factor)
        : component_(component),
          factor_(factor),
          kept_{0, component.extents.columns},
          memory_(factor * pitch()) {}

    std::size_t mcu_rows() const { return ceil_div(component_.extents.rows, factor_); }
    void keep(BlockRange columns) { kept_ = columns; }
    const std::int16_t* row(std::size_t row) const { return memory_.data() + row * pitch(); }
    void rewind() {
        next_ = 0;
        at_ = 0;
    }

    // Advances to the next row of MCUs, and unpacks its kept blocks if they will be read.
    void advance(bool is_read) {
        for (std::size_t row = 0; row < factor_ && next_ < component_.extents.rows; ++row, ++next_) {
            const std::size_t columns = component_.extents.columns;
            const auto lengths = component_.lengths.subspan(next_ * columns, columns);
            for (std::size_t column = 0; column < columns; ++column) {
                const std::size_t length = lengths[column];
                // `view_of` checked that the sum of all lengths is the size of the stream.
                if (is_read && column >= kept_.first && column < kept_.end &&
                    !unpack_record(component_.stream.subspan(at_, length),
                                   memory_.data() + row * pitch() + column * block_coefficients)) {
                    fail("a block is not valid");
                }
                at_ += length;
            }
        }
    }

private:
    // Callers may read one block past a row.
    std::size_t pitch() const { return (component_.extents.columns + 1) * block_coefficients; }

    PackedComponent component_;
    std::size_t factor_;
    BlockRange kept_;
    std::vector<std::int16_t> memory_;
    std::size_t next_ = 0;  // row of blocks
    std::size_t at_ = 0;    // of its first record in the stream
};

class PackedRows final : public BlockRows {
public:
    PackedRows(PackedView view) : frame_(std::move(view.frame)) {
        for (std::size_t index = 0; index < view.components.size(); ++index) {
            const int factor = frame_.components[index].vertical_factor;
            const bool is_alone = view.components.size() == 1;
            rows_.emplace_back(view.components[index],
                               is_alone ? 1 : static_cast<std::size_t>(factor));
            count_ = std::max(count_, rows_.back().mcu_rows());
        }
    }

    const Image& frame() const noexcept override { return frame_; }
    void keep(std::size_t component, BlockRange columns) override {
        rows_[component].keep(columns);
    }
    bool next() override { return advance(true); }
    bool skip() override { return advance(false); }
    const std::int16_t* blocks(std::size_t component, std::size_t row) const override {
        return rows_[component].row(row);
    }
    bool rewind() noexcept override {
        begun_ = 0;
        for (ComponentRows& rows : rows_) {
            rows.rewind();
        }
        return true;
    }

private:
    bool advance(bool is_read) {
        if (begun_ == count_) {
            return false;
        }
        ++begun_;
        for (ComponentRows& rows : rows_) {
            rows.advance(is_read);
        }
        return true;
    }

    Image frame_;
    std::vector<ComponentRows> rows_;
    std::size_t count_ = 0;  // number of rows of MCUs
    std::size_t begun_ = 0;  // number of rows begun so far
};

// Packs a component, and returns the size of its stream.
std::size_t pack_component(const Component& component, std::vector<std::uint8_t>& lengths,
                           std::vector<std::uint8_t>& streams) {
    const std::size_t blocks = component.block_rows * component.block_columns;
    if (blocks > std::numeric_limits<std::int32_t>::max() / longest_record) {
        throw ReadError(FailureKind::too_large, std::to_string(blocks) +
                                                    " blocks are too many to be packed; scale the"
                                                    " image down");
    }
    const std::size_t groups = ceil_div(blocks, packed_group);
    const auto room = std::make_unique_for_overwrite<std::uint8_t[]>(blocks * longest_record);
    std::vector<std::uint8_t> own(groups * packed_group);
    std::vector<std::int32_t> offsets(groups);
    const std::size_t size =
        pack_blocks({component.coefficients.get(), blocks * block_coefficients}, 1, room.get(),
                    own.data(), offsets.data());
    append(lengths, std::span(own).first(blocks));
    append(streams, {room.get(), size});
    return size;
}

}  // namespace

PackedView view_of(const PackedSource& source) {
    PackedView view{frame_of(source.record), {}};
    set_extents(view.frame);
    const std::size_t count = view.frame.components.size();
    std::size_t at = packed_header_bytes + count * packed_component_bytes;
    if (source.record.size() < at) {
        fail("it has no components");
    }
    std::array<std::size_t, 3> sizes{};
    for (std::size_t index = 0; index < count; ++index) {
        Component& component = view.frame.components[index];
        const std::size_t fields = packed_header_bytes + index * packed_component_bytes;
        set_table(component, source.tables, number_at<std::uint32_t>(source.record, fields));
        sizes[index] = number_at<std::uint32_t>(source.record, fields + 4);
        const std::size_t blocks = component.block_rows * component.block_columns;
        if (blocks > source.record.size() - at) {
            fail("it is shorter than its blocks");
        }
        view.components.push_back({{component.block_rows, component.block_columns},
                                   source.record.subspan(at, blocks),
                                   {}});
        at += blocks;
    }
    for (std::size_t index = 0; index < count; ++index) {
        PackedComponent& component = view.components[index];
        const std::size_t sum = std::accumulate(component.lengths.begin(), component.lengths.end(),
                                                std::size_t{0});
        if (sum != sizes[index] || sum > source.record.size() - at) {
            fail("the lengths of its blocks are not those of its data");
        }
        component.stream = source.record.subspan(at, sum);
        at += sum;
    }
    if (at != source.record.size()) {
        fail("it is longer than its blocks");
    }
    return view;
}

void check_options(const Image& frame, const ReadOptions& options) {
    const std::uint64_t pixels = std::uint64_t{frame.width} * frame.height;
    if (pixels > options.max_pixels) {
        throw ReadError(FailureKind::too_large,
                        std::to_string(frame.width) + " x " + std::to_string(frame.height) +
                            " pixels are more than the limit of " +
                            std::to_string(options.max_pixels) +
                            "; scale the image down, or pass a larger max_pixels in Python");
    }
    if (options.check_frame) {
        options.check_frame(frame);
    }
}

std::unique_ptr<BlockRows> open_packed_rows(const PackedSource& source,
                                            const ReadOptions& options) {
    PackedView view = view_of(source);
    check_options(view.frame, options);
    return std::make_unique<PackedRows>(std::move(view));
}

Image read_packed(const PackedSource& source, const ReadOptions& options) {
    PackedView view = view_of(source);
    check_options(view.frame, options);
    for (std::size_t index = 0; index < view.components.size(); ++index) {
        Component& component = view.frame.components[index];
        const PackedComponent& packed = view.components[index];
        component.coefficients = allocate_coefficients(packed.lengths.size() * block_bytes);
        if (component.coefficients == nullptr) {
            throw ReadError(FailureKind::memory, "not enough memory");
        }
        std::int16_t* out = component.coefficients.get();
        std::size_t at = 0;
        for (const std::uint8_t length : packed.lengths) {
            if (!unpack_record(packed.stream.subspan(at, length), out)) {
                fail("a block is not valid");
            }
            at += length;
            out += block_coefficients;
        }
    }
    return std::move(view.frame);
}

PackedRecord packed_record(const Image& image) {
    PackedRecord made;
    const std::size_t count = image.components.size();
    std::vector<std::uint8_t> header(packed_header_bytes + count * packed_component_bytes);
    put(header, 0, static_cast<std::uint16_t>(image.height));
    put(header, 2, static_cast<std::uint16_t>(image.width));
    header[4] = static_cast<std::uint8_t>(count);
    header[5] = static_cast<std::uint8_t>(std::ranges::find(spaces, image.color_space) -
                                          spaces.begin());
    header[6] = static_cast<std::uint8_t>(image.orientation);
    header[7] = image.progressive ? 1 : 0;
    std::vector<std::uint8_t> lengths;
    std::vector<std::uint8_t> streams;
    for (std::size_t index = 0; index < count; ++index) {
        const Component& component = image.components[index];
        const std::size_t size = pack_component(component, lengths, streams);
        header[8 + index] = static_cast<std::uint8_t>(16 * component.horizontal_factor +
                                                      component.vertical_factor);
        const std::size_t fields = packed_header_bytes + index * packed_component_bytes;
        put(header, fields, static_cast<std::uint32_t>(index));
        put(header, fields + 4, static_cast<std::uint32_t>(size));
        const auto* const table =
            reinterpret_cast<const std::uint8_t*>(component.quantization.data());
        append(made.tables, {table, table_bytes});
    }
    made.bytes.reserve(header.size() + lengths.size() + streams.size());
    append(made.bytes, header);
    append(made.bytes, lengths);
    append(made.bytes, streams);
    return made;
}

}  // namespace jpegcompile
