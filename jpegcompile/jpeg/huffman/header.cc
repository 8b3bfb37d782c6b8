#include "jpeg/huffman/header.h"

#include <algorithm>
#include <string_view>

#include "jpeg/exif.h"
#include "jpeg/huffman/definitions.h"

namespace jpegcompile::huffman {
namespace {

// T.81, table B.1.
enum Marker : unsigned char {
    sof0 = 0xC0,
    sof1 = 0xC1,
    dht = 0xC4,
    soi = 0xD8,
    sos = 0xDA,
    dqt = 0xDB,
    dri = 0xDD,
    app0 = 0xE0,
    app1 = 0xE1,
    app14 = 0xEE,
    app15 = 0xEF,
    com = 0xFE,
};

// Limits of libjpeg; beyond them it refuses the file.
constexpr std::size_t most_extent = 65500;
constexpr std::size_t most_factor = 4;
constexpr std::size_t most_blocks_in_mcu = 10;

std::size_t ceil_div(std::size_t count, std::size_t step) { return (count + step - 1) / step; }

bool starts_with(Bytes bytes, std::string_view text) {
    return bytes.size() >= text.size() &&
           std::equal(text.begin(), text.end(), bytes.begin(), [](char a, unsigned char b) {
               return static_cast<unsigned char>(a) == b;
           });
}

struct FrameComponent {
    unsigned char id = 0;
    std::size_t quantization_slot = 0;
};

// Reads the segments. A header is not clean if a `take_` function returns false.
class HeaderParser {
public:
    explicit HeaderParser(Bytes bytes) noexcept : bytes_(bytes) {}

    std::optional<CleanHeader> parse() {
        if (bytes_.size() < 2 || bytes_[0] != 0xFF || bytes_[1] != soi) {
            return std::nullopt;
        }
        position_ = 2;
        while (true) {
            const unsigned char marker = next_marker();
            const std::optional<Bytes> content = next_content();
            if (!content.has_value() || !take(marker, *content)) {
                return std::nullopt;
            }
            if (marker == sos) {
                header_.scan_offset = position_;
                return std::move(header_);
            }
        }
    }

private:
    // Returns 0 if there is no marker. Bytes 0xFF before a marker are fill bytes.
    unsigned char next_marker() noexcept {
        if (position_ >= bytes_.size() || bytes_[position_] != 0xFF) {
            return 0;
        }
        while (position_ < bytes_.size() && bytes_[position_] == 0xFF) {
            ++position_;
        }
        return position_ < bytes_.size() ? bytes_[position_++] : 0;
    }

    std::optional<Bytes> next_content() noexcept {
        if (bytes_.size() - position_ < 2) {
            return std::nullopt;
        }
        const std::size_t size = two_bytes(bytes_, position_);
        if (size < 2 || size > bytes_.size() - position_) {
            return std::nullopt;
        }
        const Bytes content = bytes_.subspan(position_ + 2, size - 2);
        position_ += size;
        return content;
    }

    bool take(unsigned char marker, Bytes content) {
        switch (marker) {
            case sof0:
            case sof1:
                return take_frame(content);
            case dht:
                return definitions_.take_huffman_tables(content);
            case dqt:
                return definitions_.take_quantization_tables(content);
            case dri:
                return take_restart_interval(content);
            case sos:
                return take_scan(content);
            case com:
                return true;
            default:
                return take_application_data(marker, content);
        }
    }

    bool take_application_data(unsigned char marker, Bytes content) noexcept {
        if (marker < app0 || marker > app15) {
            return false;
        }
        if (marker == app0 && content.size() >= 14 && starts_with(content, {"JFIF\0", 5})) {
            has_jfif_ = true;
        }
        if (marker == app14 && content.size() >= 12 && starts_with(content, "Adobe")) {
            adobe_transform_ = content[11];
        }
        return marker != app1 || orientation_.take(content);
    }

    bool take_restart_interval(Bytes content) noexcept {
        if (content.size() != 2) {
            return false;
        }
        header_.restart_interval = two_bytes(content, 0);
        return true;
    }

    bool take_frame(Bytes content) {
        Image& frame = header_.frame;
        if (!frame.components.empty() || content.size() < 6 || content[0] != 8) {
            return false;
        }
        frame.height = static_cast<std::uint32_t>(two_bytes(content, 1));
        frame.width = static_cast<std::uint32_t>(two_bytes(content, 3));
        const std::size_t count = content[5];
        if ((count != 1 && count != most_components) || content.size() != 6 + 3 * count ||
            frame.height == 0 || frame.height > most_extent || frame.width == 0 ||
            frame.width > most_extent) {
            return false;
        }
        frame.components.resize(count);
        for (std::size_t index = 0; index < count; ++index) {
            const Bytes entry = content.subspan(6 + 3 * index, 3);
            frame.components[index].horizontal_factor = entry[1] >> 4;
            frame.components[index].vertical_factor = entry[1] & 15;
            components_[index] = {entry[0], entry[2]};
        }
        return set_extents();
    }

    // T.81, A.1.1 and A.2.
    bool set_extents() noexcept {
        Image& frame = header_.frame;
        std::size_t most_horizontal = 1, most_vertical = 1, blocks = 0;
        for (const Component& component : frame.components) {
            const auto horizontal = static_cast<std::size_t>(component.horizontal_factor);
            const auto vertical = static_cast<std::size_t>(component.vertical_factor);
            if (horizontal < 1 || horizontal > most_factor || vertical < 1 ||
                vertical > most_factor) {
                return false;
            }
            most_horizontal = std::max(most_horizontal, horizontal);
            most_vertical = std::max(most_vertical, vertical);
            blocks += horizontal * vertical;
        }
        const bool is_alone = frame.components.size() == 1;
        for (std::size_t index = 0; index < frame.components.size(); ++index) {
            Component& component = frame.components[index];
            const auto horizontal = static_cast<std::size_t>(component.horizontal_factor);
            const auto vertical = static_cast<std::size_t>(component.vertical_factor);
            component.block_columns = ceil_div(frame.width * horizontal, 8 * most_horizontal);
            component.block_rows = ceil_div(frame.height * vertical, 8 * most_vertical);
            header_.mcu[index] = is_alone ? McuComponent{} : McuComponent{horizontal, vertical};
        }
        header_.mcu_columns = ceil_div(frame.width, 8 * (is_alone ? 1 : most_horizontal));
        header_.mcu_rows = ceil_div(frame.height, 8 * (is_alone ? 1 : most_vertical));
        return is_alone || blocks <= most_blocks_in_mcu;
    }

    bool take_scan(Bytes content) {
        Image& frame = header_.frame;
        const std::size_t count = frame.components.size();
        if (count == 0 || content.size() != 4 + 2 * count || content[0] != count) {
            return false;
        }
        for (std::size_t index = 0; index < count; ++index) {
            const unsigned char id = content[1 + 2 * index], slots = content[2 + 2 * index];
            if (id != components_[index].id || !take_tables(index, slots >> 4, slots & 15)) {
                return false;
            }
            for (std::size_t other = 0; other < index; ++other) {
                if (components_[other].id == id) {
                    return false;
                }
            }
        }
        const std::optional<ColorSpace> color_space = this->color_space();
        if (!color_space.has_value()) {
            return false;
        }
        frame.color_space = *color_space;
        frame.orientation = orientation_.value();
        // The whole range of coefficients, and no successive approximation.
        const Bytes range = content.last(3);
        return range[0] == 0 && range[1] == block_coefficients - 1 && range[2] == 0;
    }

    bool take_tables(std::size_t index, std::size_t dc_slot, std::size_t ac_slot) noexcept {
        const auto* const quantization =
            definitions_.quantization(components_[index].quantization_slot);
        const TableDefinition* const dc = definitions_.dc(dc_slot);
        const TableDefinition* const ac = definitions_.ac(ac_slot);
        if (quantization == nullptr || dc == nullptr || ac == nullptr) {
            return false;
        }
        header_.frame.components[index].quantization = *quantization;
        header_.tables[index] = {*dc, *ac};
        return std::find(quantization->begin(), quantization->end(), 0) == quantization->end();
    }

    // The rules of libjpeg, without the cases in which it warns.
    [[nodiscard]] std::optional<ColorSpace> color_space() const noexcept {
        if (header_.frame.components.size() == 1) {
            return ColorSpace::gray;
        }
        if (has_jfif_) {
            return ColorSpace::ycbcr;
        }
        if (adobe_transform_.has_value()) {
            return *adobe_transform_ == 0   ? std::optional(ColorSpace::rgb)
                   : *adobe_transform_ == 1 ? std::optional(ColorSpace::ycbcr)
                                            : std::nullopt;
        }
        const bool is_rgb =
            components_[0].id == 'R' && components_[1].id == 'G' && components_[2].id == 'B';
        return is_rgb ? ColorSpace::rgb : ColorSpace::ycbcr;
    }

    Bytes bytes_;
    std::size_t position_ = 0;
    CleanHeader header_;
    std::array<FrameComponent, most_components> components_{};
    Definitions definitions_;
    bool has_jfif_ = false;
    std::optional<unsigned char> adobe_transform_;
    Orientation orientation_;
};

}  // namespace

std::optional<CleanHeader> parse_header(std::span<const unsigned char> bytes) {
    return HeaderParser(bytes).parse();
}

}  // namespace jpegcompile::huffman
