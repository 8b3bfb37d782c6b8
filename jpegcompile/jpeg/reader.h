// One libjpeg decoder, made safe for C++: it never exits, prints or leaks.
#pragma once

#include <csetjmp>
#include <cstdint>
#include <cstdio>
// jpeglib.h needs FILE and size_t declared before it.
#include <jpeglib.h>

#include <array>
#include <string>

#include "jpeg/coefficients.h"
#include "jpeg/course.h"
#include "jpeg/exif.h"
#include "jpeg/frame_arrays.h"
#include "jpeg/source.h"

namespace jpegcompile {

class Reader {
public:
    // `stream` must outlive the reader.
    Reader(InputStream& stream, const ReadOptions& options) noexcept;
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    // Call this once. Throws ReadError.
    [[nodiscard]] Image read();

private:
    friend FrameArrays& frame_arrays_of(j_common_ptr decoder) noexcept;
    static Reader& of(j_common_ptr decoder) noexcept;
    [[noreturn]] static void on_error(j_common_ptr decoder);
    static void on_message(j_common_ptr decoder, int level);
    static void on_progress(j_common_ptr decoder);
    static boolean on_exif_marker(j_decompress_ptr decoder);

    // Runs `step`, which calls libjpeg. Throws ReadError if libjpeg reports an error.
    template <typename Step>
    void guarded(Step step);

    void check_header() const;
    void check_whole() const;
    // The header as an image whose components have sampling factors only.
    [[nodiscard]] Image frame() const;
    void take_component(int index, Component& component);
    [[nodiscard]] const JQUANT_TBL& quantization_table(int index) const;
    [[nodiscard]] ReadError failure() const;
    // The error for a file that libjpeg refuses.
    [[nodiscard]] ReadError refusal() const;

    InputStream& stream_;
    ReadOptions options_;
    Course course_;
    FrameArrays arrays_;
    jpeg_error_mgr errors_{};
    jpeg_progress_mgr progress_{};
    jpeg_decompress_struct decoder_{};
    std::jmp_buf escape_{};
    Orientation orientation_;
    bool too_many_scans_ = false;
    bool warning_ = false;
    std::array<char, JMSG_LENGTH_MAX> message_{};
};

}  // namespace jpegcompile
