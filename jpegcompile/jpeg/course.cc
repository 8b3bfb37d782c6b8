#include "jpeg/course.h"

#include <algorithm>

namespace jpegcompile {
namespace {

constexpr int sof_baseline = 0xC0, sof_extended = 0xC1;

std::uint32_t bit(int index) noexcept { return std::uint32_t{1} << (index & 31); }

Verdict verdict_of(int code) noexcept {
    const auto* const found =
        std::find_if(warnings.begin(), warnings.end(),
                     [code](const Warning& warning) { return warning.code == code; });
    return found == warnings.end() ? Verdict::damage : found->verdict;
}

// Returns whether a progressive file contains every coefficient with full precision.
bool is_complete(const jpeg_decompress_struct& decoder) noexcept {
    if (decoder.coef_bits == nullptr) {
        return true;
    }
    const auto* const components = decoder.coef_bits;
    return std::all_of(components, components + decoder.num_components, [](const auto& bits) {
        return std::all_of(std::begin(bits), std::end(bits), [](int left) { return left == 0; });
    });
}

}  // namespace

bool Course::is_sequential_huffman() const noexcept {
    return frame_marker_ == sof_baseline || frame_marker_ == sof_extended;
}

void Course::note(const jpeg_error_mgr& message) noexcept {
    const auto& values = message.msg_parm.i;
    switch (message.msg_code) {
        case JTRC_SOF:
            frame_marker_ = values[0];
            break;
        case JTRC_SOS:
            has_scan_ = true;
            is_behind_scan_ = true;
            break;
        case JTRC_SOS_COMPONENT:
            if (is_sequential_huffman()) {
                missing_ |= (bit(values[1]) | bit(values[2] + 16)) & ~tables_;
            }
            break;
        case JTRC_DHT:
            tables_ |= bit(values[0]);  // libjpeg adds 16 to the slot of an AC table
            is_behind_scan_ = false;
            break;
        case JTRC_DQT:
        case JTRC_DRI:
        case JTRC_DAC:
        case JTRC_MISC_MARKER:
        case JTRC_JFIF:
        case JTRC_JFIF_EXTENSION:
        case JTRC_THUMB_JPEG:
        case JTRC_THUMB_PALETTE:
        case JTRC_THUMB_RGB:
        case JTRC_APP0:
        case JTRC_ADOBE:
        case JTRC_APP14:
            is_behind_scan_ = false;
            break;
        default:
            break;
    }
}

bool Course::is_damage(const jpeg_decompress_struct& decoder) noexcept {
    switch (verdict_of(decoder.err->msg_code)) {
        case Verdict::harmless:
            return false;
        case Verdict::by_scan:
            has_junk_ = true;
            has_later_junk_ = has_scan_;
            return is_behind_scan_;
        case Verdict::by_range:
            return decoder.Ss != 0 || decoder.Ah != 0 || decoder.Al != 0;
        case Verdict::damage:
            break;
    }
    return true;
}

std::string Course::loss(const jpeg_decompress_struct& decoder) const {
    // libjpeg then uses default tables, as motion JPEG requires.
    if (has_junk_ && missing_ != 0) {
        return "unreadable bytes between markers, and a Huffman table is missing";
    }
    if (has_later_junk_ && !is_complete(decoder)) {
        return "unreadable bytes between scans, and a scan is missing";
    }
    return {};
}

}  // namespace jpegcompile
