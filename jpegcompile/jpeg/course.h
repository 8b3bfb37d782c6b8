// What libjpeg's messages tell of a file while it is read: where in the file the reader is, and
// whether a warning means that coefficients are lost.
#pragma once

#include <cstdio>
// jpeglib.h needs FILE and size_t declared before it.
#include <jpeglib.h>

#include <jerror.h>

#include <array>
#include <cstdint>
#include <string>

namespace jpegcompile {

// What a warning means for the coefficients of the file.
enum class Verdict {
    harmless,  // they are all there
    damage,
    by_scan,   // damage within the data of a scan and right behind it
    by_range,  // damage unless the scan begins at 0 and is not refined
};

struct Warning {
    int code;
    Verdict verdict;
};

// Every warning of libjpeg-turbo, which goes on after each of them. What is not here is damage.
inline constexpr std::array<Warning, 12> warnings = {{
    // 3 and 4 components without a JFIF marker only. Everyone takes the colour to be YCbCr, YCCK.
    {JWRN_ADOBE_XFORM, Verdict::harmless},
    {JWRN_ARITH_BAD_CODE, Verdict::damage},
    // Of a function that the reader does not call; profiles say nothing about coefficients.
    {JWRN_BOGUS_ICC, Verdict::harmless},
    // A scan of a progressive file refines what no scan has brought.
    {JWRN_BOGUS_PROGRESSION, Verdict::damage},
    // Bytes that are no marker where one has to be. Between marker segments nobody needs them.
    // Behind the data of a scan they are what is left over where a damaged code was shorter.
    {JWRN_EXTRANEOUS_DATA, Verdict::by_scan},
    // The data of a scan end early; zeros take their place.
    {JWRN_HIT_MARKER, Verdict::damage},
    {JWRN_HUFF_BAD_CODE, Verdict::damage},
    // The fields of the JFIF marker that matter are the same in all revisions.
    {JWRN_JFIF_MAJOR, Verdict::harmless},
    {JWRN_JPEG_EOF, Verdict::damage},
    // A restart marker is missing, and with it the blocks around it.
    {JWRN_MUST_RESYNC, Verdict::damage},
    // Sequential decoders ignore the range of frequencies, and some encoders leave it 0. Another
    // start or a precision are those of a progressive scan under a wrong frame header.
    {JWRN_NOT_SEQUENTIAL, Verdict::by_range},
    // Of compression only.
    {JWRN_TOO_MUCH_DATA, Verdict::damage},
}};

// The way through one file, followed by all of libjpeg's messages.
class Course {
public:
    // A message that is no warning.
    void note(const jpeg_error_mgr& message) noexcept;
    // Whether the warning that libjpeg gives is damage; if not, `loss` may find some later.
    [[nodiscard]] bool is_damage(const jpeg_decompress_struct& decoder) noexcept;
    // At the end of the file: what the bytes between its markers must have been, if that was more
    // than junk; empty otherwise. A marker with a changed byte makes junk of its whole segment.
    [[nodiscard]] std::string loss(const jpeg_decompress_struct& decoder) const;
    // The marker of the frame header (T.81, table B.1), 0 before it.
    [[nodiscard]] int frame_marker() const noexcept { return frame_marker_; }

private:
    [[nodiscard]] bool is_sequential_huffman() const noexcept;

    int frame_marker_ = 0;
    bool has_scan_ = false;         // a scan has begun
    bool is_behind_scan_ = false;   // and no marker segment has come since
    bool has_junk_ = false;         // between marker segments
    bool has_later_junk_ = false;   // between those of two scans
    std::uint32_t tables_ = 0;      // Huffman tables of the file: DC 0 to 3, AC from bit 16 on
    std::uint32_t missing_ = 0;     // those that a scan names and that had not come by then
};

}  // namespace jpegcompile
