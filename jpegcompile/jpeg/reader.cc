#include "jpeg/reader.h"

#include <algorithm>
#include <string>
#include <system_error>

#include "jpeg/contents.h"

namespace jpegcompile {
namespace {

// A scan of a few bytes makes the decoder walk the whole frame, so a small file with many scans can
// take hours. Encoders write about ten scans. Frames of up to four megapixels may have 1000 scans,
// larger frames fewer.
int most_scans(const jpeg_decompress_struct& decoder) noexcept {
    constexpr std::uint64_t budget = std::uint64_t{1} << 32;
    const std::uint64_t pixels = std::uint64_t{decoder.image_width} * decoder.image_height;
    return static_cast<int>(
        std::clamp<std::uint64_t>(budget / std::max<std::uint64_t>(pixels, 1), 64, 1000));
}

[[noreturn]] void refuse(FailureKind kind, const std::string& cause) {
    throw ReadError(kind, cause);
}

constexpr int exif_marker = JPEG_APP0 + 1;

constexpr const char* replace = "replace the file";
constexpr const char* keep = "replace the file, or read the undamaged part (--tolerant, or"
                             " tolerant=True in Python)";

std::string size_of(const jpeg_decompress_struct& decoder) {
    return std::to_string(decoder.image_width) + " x " + std::to_string(decoder.image_height) +
           " pixels";
}

std::string refusal_of_precision(int bits) {
    return std::to_string(bits) + "-bit samples are not supported; convert it to an 8-bit JPEG";
}

std::string refusal_of_components(int count) {
    const std::string kind = count == 4 ? " (CMYK or YCCK)" : "";
    return std::to_string(count) + " components" + kind +
           " are not supported; convert it to RGB or grayscale";
}

ReadError refusal_of_empty(const jpeg_decompress_struct& decoder) {
    if (decoder.image_width > 0 && decoder.num_components > 0) {
        return {FailureKind::unsupported,
                "the height is in a DNL marker, which is not supported; convert it to a baseline"
                " JPEG"};
    }
    return {FailureKind::damaged, "empty JPEG image: the header says " + size_of(decoder) +
                                      " and " + std::to_string(decoder.num_components) +
                                      " components"};
}

}  // namespace

FrameArrays& frame_arrays_of(j_common_ptr decoder) noexcept { return Reader::of(decoder).arrays_; }

Reader& Reader::of(j_common_ptr decoder) noexcept {
    return *static_cast<Reader*>(decoder->client_data);
}

Reader::Reader(InputStream& stream, const ReadOptions& options) noexcept
    : stream_(stream), options_(options) {
    decoder_.err = jpeg_std_error(&errors_);
    decoder_.client_data = this;
    errors_.error_exit = &Reader::on_error;
    errors_.emit_message = &Reader::on_message;
    errors_.output_message = [](j_common_ptr) {};
    progress_.progress_monitor = &Reader::on_progress;
}

// Does nothing if the decoder was never created, because `mem` is then null.
Reader::~Reader() { jpeg_destroy_decompress(&decoder_); }

void Reader::on_error(j_common_ptr decoder) {
    Reader& reader = of(decoder);
    decoder->err->format_message(decoder, reader.message_.data());
    // The longjmp skips only C frames of libjpeg and callbacks that own no object with a
    // destructor.
    std::longjmp(reader.escape_, 1);
}

void Reader::on_message(j_common_ptr decoder, int level) {
    Reader& reader = of(decoder);
    if (level >= 0) {
        reader.course_.note(*decoder->err);
        return;
    }
    ++decoder->err->num_warnings;
    const auto& state = *reinterpret_cast<j_decompress_ptr>(decoder);
    if (reader.course_.is_damage(state) && !reader.options_.tolerant) {
        reader.warning_ = true;
        on_error(decoder);
    }
}

void Reader::on_progress(j_common_ptr decoder) {
    const auto& state = *reinterpret_cast<j_decompress_ptr>(decoder);
    if (state.input_scan_number > most_scans(state)) {
        of(decoder).too_many_scans_ = true;
        on_error(decoder);
    }
}

// Reads an APP1 segment, which libjpeg would skip. Declares no object with a destructor, because a
// longjmp would not run it.
boolean Reader::on_exif_marker(j_decompress_ptr decoder) {
    jpeg_source_mgr& source = *decoder->src;
    const auto next_byte = [decoder, &source] {
        if (source.bytes_in_buffer == 0) {
            source.fill_input_buffer(decoder);
        }
        --source.bytes_in_buffer;
        return *source.next_input_byte++;
    };
    std::array<unsigned char, 0xFFFF> content;
    const int high = next_byte(), length = (high << 8 | next_byte()) - 2;
    TRACEMS2(decoder, 1, JTRC_MISC_MARKER, decoder->unread_marker, length);
    for (int index = 0; index < length; ++index) {
        content[static_cast<std::size_t>(index)] = next_byte();
    }
    Orientation& orientation = of(reinterpret_cast<j_common_ptr>(decoder)).orientation_;
    if (decoder->input_scan_number == 0 && length > 0 &&
        !orientation.take({content.data(), static_cast<std::size_t>(length)})) {
        ERREXIT1(decoder, JERR_OUT_OF_MEMORY, 0);
    }
    return TRUE;
}

template <typename Step>
void Reader::guarded(Step step) {
    // `step` captures references and creates no object with a destructor, and this function has no
    // local variable. So a longjmp skips no destructor and clobbers no value.
    if (setjmp(escape_) == 0) {
        step();
        return;
    }
    throw failure();
}

Image Reader::read() {
    guarded([this] {
        jpeg_create_decompress(&decoder_);
        arrays_.install(decoder_);
        decoder_.src = &stream_;
        decoder_.progress = &progress_;
        jpeg_set_marker_processor(&decoder_, exif_marker, &Reader::on_exif_marker);
        jpeg_read_header(&decoder_, TRUE);
    });
    check_header();
    Image image = frame();
    if (options_.check_frame) {
        options_.check_frame(image);
    }
    guarded([this] { jpeg_read_coefficients(&decoder_); });
    check_whole();
    for (std::size_t index = 0; index < image.components.size(); ++index) {
        take_component(static_cast<int>(index), image.components[index]);
    }
    return image;
}

Image Reader::frame() const {
    Image image;
    image.width = decoder_.image_width;
    image.height = decoder_.image_height;
    image.progressive = decoder_.progressive_mode != FALSE;
    image.color_space = decoder_.num_components == 1            ? ColorSpace::gray
                        : decoder_.jpeg_color_space == JCS_RGB ? ColorSpace::rgb
                                                               : ColorSpace::ycbcr;
    image.orientation = orientation_.value();
    image.components.resize(static_cast<std::size_t>(decoder_.num_components));
    for (std::size_t index = 0; index < image.components.size(); ++index) {
        const jpeg_component_info& info = decoder_.comp_info[index];
        image.components[index].horizontal_factor = info.h_samp_factor;
        image.components[index].vertical_factor = info.v_samp_factor;
    }
    return image;
}

void Reader::check_header() const {
    const std::uint64_t pixels = std::uint64_t{decoder_.image_width} * decoder_.image_height;
    if (pixels > options_.max_pixels) {
        refuse(FailureKind::too_large,
               size_of(decoder_) + " are more than the limit of " +
                   std::to_string(options_.max_pixels) +
                   "; scale the image down, or pass a larger max_pixels in Python");
    }
    // libjpeg-turbo 3 accepts these headers. It can read the samples, but not the coefficients.
    if (const std::string process = refusal_of_process(course_.frame_marker()); !process.empty()) {
        refuse(FailureKind::unsupported, process);
    }
    if (decoder_.data_precision != 8) {
        refuse(FailureKind::unsupported, refusal_of_precision(decoder_.data_precision));
    }
    if (decoder_.num_components != 1 && decoder_.num_components != 3) {
        refuse(FailureKind::unsupported, refusal_of_components(decoder_.num_components));
    }
}

void Reader::check_whole() const {
    if (options_.tolerant) {
        return;
    }
    if (const std::string loss = course_.loss(decoder_); !loss.empty()) {
        throw ReadError(FailureKind::damaged, "damaged: " + loss, keep);
    }
}

void Reader::take_component(int index, Component& component) {
    const jpeg_component_info& info = decoder_.comp_info[index];
    const JQUANT_TBL& table = quantization_table(index);
    std::copy(std::begin(table.quantval), std::end(table.quantval),
              component.quantization.begin());
    component.block_rows = info.height_in_blocks;
    component.block_columns = info.width_in_blocks;
    component.coefficients =
        arrays_.take(index, component.block_rows, component.block_columns);
}

// libjpeg keeps the table that was current when the component's first scan began. libjpeg accepts
// tables with zeros, and frames with a component that is in no scan.
const JQUANT_TBL& Reader::quantization_table(int index) const {
    const jpeg_component_info& info = decoder_.comp_info[index];
    const JQUANT_TBL* table = info.quant_table;
    if (table == nullptr && options_.tolerant && info.quant_tbl_no >= 0 &&
        info.quant_tbl_no < NUM_QUANT_TBLS) {
        table = decoder_.quant_tbl_ptrs[info.quant_tbl_no];
    }
    const std::string where = "component " + std::to_string(index);
    if (table == nullptr) {
        refuse(FailureKind::damaged,
               "corrupt data: " + where + " has no scan or no quantization table");
    }
    if (std::find(std::begin(table->quantval), std::end(table->quantval), 0) !=
        std::end(table->quantval)) {
        refuse(FailureKind::damaged,
               "corrupt data: the quantization table of " + where + " contains a zero");
    }
    return *table;
}

ReadError Reader::failure() const {
    if (stream_.read_errno() != 0) {
        return {FailureKind::access, std::generic_category().message(stream_.read_errno())};
    }
    if (too_many_scans_) {
        return {FailureKind::too_many_scans, "more than " + std::to_string(most_scans(decoder_)) +
                                                 " scans; encode it again if the file is trusted"};
    }
    if (errors_.msg_code == JERR_OUT_OF_MEMORY) {
        return {FailureKind::memory, "not enough memory for " + size_of(decoder_),
                "use a machine with more memory, or refuse such files with a smaller max_pixels"};
    }
    if (warning_ && !stream_.start().empty()) {
        // Before the first scan there are no coefficients to keep.
        return {FailureKind::damaged, std::string("damaged: ") + message_.data(),
                decoder_.input_scan_number == 0 ? replace : keep};
    }
    return refusal();
}

ReadError Reader::refusal() const {
    using enum FailureKind;
    if (stream_.start().empty()) {
        return {not_jpeg, refusal_of_contents({})};
    }
    const int value = errors_.msg_parm.i[0];
    const std::string message = message_.data();
    switch (errors_.msg_code) {
        case JERR_NO_SOI:
            return {not_jpeg, refusal_of_contents(stream_.start())};
        case JERR_BAD_PRECISION:
            return {unsupported, refusal_of_precision(value)};
        case JERR_COMPONENT_COUNT:
            return {unsupported, refusal_of_components(value)};
        case JERR_EMPTY_IMAGE:
            return refusal_of_empty(decoder_);
        case JERR_IMAGE_TOO_BIG:
            return {too_large,
                    size_of(decoder_) + " are too many: " + message + "; scale or crop it"};
        case JERR_ARITH_NOTIMPL:
            return {unsupported,
                    "the installed libjpeg does not support arithmetic coding; convert it to a"
                    " baseline JPEG"};
        case JERR_NOT_COMPILED:
            return {unsupported, "the installed libjpeg cannot read it: " + message +
                                     "; convert it to a baseline JPEG"};
        case JERR_SOF_UNSUPPORTED:
        case JERR_UNKNOWN_MARKER:
            if (const std::string process = refusal_of_process(value); !process.empty()) {
                return {unsupported, process};
            }
            break;
        default:
            break;
    }
    return {damaged, "cannot be read as a JPEG: " + message};
}

}  // namespace jpegcompile
