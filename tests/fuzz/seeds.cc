#include "seeds.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
// jpeglib.h needs FILE and size_t declared before it.
#include <jpeglib.h>

namespace {

class Encoder {
public:
    explicit Encoder(std::mt19937_64& random) : random_(random) {
        encoder_.err = jpeg_std_error(&errors_);
        errors_.output_message = [](j_common_ptr) {};
        jpeg_create_compress(&encoder_);
        jpeg_mem_dest(&encoder_, &memory_, &size_);
    }
    ~Encoder() {
        jpeg_destroy_compress(&encoder_);
        std::free(memory_);
    }
    Encoder(const Encoder&) = delete;
    Encoder& operator=(const Encoder&) = delete;

    Bytes write() {
        choose_frame();
        choose_coding();
        request_blocks();
        fill_blocks();
        jpeg_write_coefficients(&encoder_, arrays_.data());
        jpeg_finish_compress(&encoder_);
        return {memory_, memory_ + size_};
    }

private:
    unsigned below(unsigned count) { return static_cast<unsigned>(random_() % count); }

    void choose_frame() {
        constexpr std::array<J_COLOR_SPACE, 3> spaces = {JCS_GRAYSCALE, JCS_YCbCr, JCS_RGB};
        const J_COLOR_SPACE space = spaces[below(3)];
        encoder_.input_components = space == JCS_GRAYSCALE ? 1 : 3;
        encoder_.in_color_space = space;
        jpeg_set_defaults(&encoder_);
        jpeg_set_colorspace(&encoder_, space);
        encoder_.image_width = 1 + below(40);
        encoder_.image_height = 1 + below(40);
        for (unsigned blocks = 11; blocks > 10;) {
            blocks = 0;
            for (int index = 0; index < encoder_.num_components; ++index) {
                jpeg_component_info& component = encoder_.comp_info[index];
                component.h_samp_factor = static_cast<int>(1 + below(below(2) == 0 ? 2 : 4));
                component.v_samp_factor = static_cast<int>(1 + below(below(2) == 0 ? 2 : 4));
                blocks += static_cast<unsigned>(component.h_samp_factor * component.v_samp_factor);
            }
        }
    }

    void choose_coding() {
        jpeg_set_quality(&encoder_, static_cast<int>(below(101)), below(2) == 0 ? TRUE : FALSE);
        encoder_.restart_interval = below(2) == 0 ? 0 : 1 + below(5);
        encoder_.optimize_coding = below(2) == 0 ? TRUE : FALSE;
    }

    void request_blocks() {
        int most_horizontal = 1, most_vertical = 1;
        for (int index = 0; index < encoder_.num_components; ++index) {
            most_horizontal = std::max(most_horizontal, encoder_.comp_info[index].h_samp_factor);
            most_vertical = std::max(most_vertical, encoder_.comp_info[index].v_samp_factor);
        }
        const auto mcus = [](JDIMENSION extent, int factor) {
            return (static_cast<int>(extent) + 8 * factor - 1) / (8 * factor);
        };
        const int columns = mcus(encoder_.image_width, most_horizontal);
        const int rows = mcus(encoder_.image_height, most_vertical);
        for (int index = 0; index < encoder_.num_components; ++index) {
            const jpeg_component_info& component = encoder_.comp_info[index];
            const auto height = static_cast<JDIMENSION>(rows * component.v_samp_factor);
            arrays_[static_cast<std::size_t>(index)] = encoder_.mem->request_virt_barray(
                common(), JPOOL_IMAGE, TRUE,
                static_cast<JDIMENSION>(columns * component.h_samp_factor), height, height);
            heights_[static_cast<std::size_t>(index)] = height;
            widths_[static_cast<std::size_t>(index)] =
                static_cast<JDIMENSION>(columns * component.h_samp_factor);
        }
        encoder_.mem->realize_virt_arrays(common());
    }

    void fill_blocks() {
        const unsigned sparsity = 1 + below(below(3) == 0 ? 64 : 4), bits = 1 + below(10);
        for (int index = 0; index < encoder_.num_components; ++index) {
            const auto at = static_cast<std::size_t>(index);
            JBLOCKARRAY rows = encoder_.mem->access_virt_barray(common(), arrays_[at], 0,
                                                                heights_[at], TRUE);
            for (JDIMENSION row = 0; row < heights_[at]; ++row) {
                for (JDIMENSION column = 0; column < widths_[at]; ++column) {
                    for (JCOEF& coefficient : rows[row][column]) {
                        coefficient = below(sparsity) == 0 ? value(bits) : JCOEF{0};
                    }
                }
            }
        }
    }

    // Of at most that many bits.
    JCOEF value(unsigned bits) {
        const int most = (1 << (1 + below(bits))) - 1;
        return static_cast<JCOEF>(static_cast<int>(below(2 * static_cast<unsigned>(most) + 1)) -
                                  most);
    }

    j_common_ptr common() { return reinterpret_cast<j_common_ptr>(&encoder_); }

    std::mt19937_64& random_;
    jpeg_compress_struct encoder_{};
    jpeg_error_mgr errors_{};
    unsigned char* memory_ = nullptr;
    unsigned long size_ = 0;
    std::array<jvirt_barray_ptr, 3> arrays_{};
    std::array<JDIMENSION, 3> heights_{};
    std::array<JDIMENSION, 3> widths_{};
};

}  // namespace

Bytes random_jpeg(std::mt19937_64& random) { return Encoder(random).write(); }
