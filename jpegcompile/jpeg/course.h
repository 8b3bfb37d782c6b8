// Interprets libjpeg's messages while a file is read: the position of the reader in the file, and
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

// The meaning of a warning for the coefficients of the file.
enum class Verdict {
    harmless,  // no coefficient is lost
    damage,
    by_scan,   // damage within the data of a scan and directly after it
    by_range,  // damage unless the scan begins at 0 and is not a refinement
};

struct Warning {
    int code;
    Verdict verdict;
};

// All warnings of libjpeg-turbo, which continues after each of them. Other warnings count as
// damage.
inline constexpr std::array<Warning, 12> warnings = {{
    // Only files of 3 or 4 components without a JFIF marker. All decoders assume YCbCr or YCCK.
    {JWRN_ADOBE_XFORM, Verdict::harmless},
    {JWRN_ARITH_BAD_CODE, Verdict::damage},
    // Reported only by a function that the reader does not call. Profiles do not affect
    // coefficients.
    {JWRN_BOGUS_ICC, Verdict::harmless},
    // A scan of a progressive file refines coefficients that no earlier scan contains.
    {JWRN_BOGUS_PROGRESSION, Verdict::damage},
    // Bytes where a marker is expected. They are harmless between marker segments. After the data
    // of a scan they remain because a damaged code was too short.
    {JWRN_EXTRANEOUS_DATA, Verdict::by_scan},
    // The data of a scan ends early; libjpeg fills in zeros.
    {JWRN_HIT_MARKER, Verdict::damage},
    {JWRN_HUFF_BAD_CODE, Verdict::damage},
    // The relevant fields of the JFIF marker are the same in all revisions.
    {JWRN_JFIF_MAJOR, Verdict::harmless},
    {JWRN_JPEG_EOF, Verdict::damage},
    // A restart marker is missing, so the blocks around it are lost.
    {JWRN_MUST_RESYNC, Verdict::damage},
    // Sequential decoders ignore the range of frequencies, and some encoders leave it 0. Another
    // start or precision means a progressive scan under a wrong frame header.
    {JWRN_NOT_SEQUENTIAL, Verdict::by_range},
    // Reported by compression only.
    {JWRN_TOO_MUCH_DATA, Verdict::damage},
}};

// The position in one file, tracked by libjpeg's messages.
class Course {
public:
    // Records a message that is not a warning.
    void note(const jpeg_error_mgr& message) noexcept;
    // Returns whether libjpeg's current warning means damage. If not, `loss` may still find damage.
    [[nodiscard]] bool is_damage(const jpeg_decompress_struct& decoder) noexcept;
    // Call this at the end of the file. Describes the loss if unreadable bytes between markers must
    // have been a needed segment; empty otherwise. A changed byte in a marker makes its whole
    // segment unreadable.
    [[nodiscard]] std::string loss(const jpeg_decompress_struct& decoder) const;
    // The marker of the frame header (T.81, table B.1); 0 before it is read.
    [[nodiscard]] int frame_marker() const noexcept { return frame_marker_; }

private:
    [[nodiscard]] bool is_sequential_huffman() const noexcept;

    int frame_marker_ = 0;
    bool has_scan_ = false;         // a scan has begun
    bool is_behind_scan_ = false;   // no marker segment has followed the scan
    bool has_junk_ = false;         // between marker segments
    bool has_later_junk_ = false;   // the last junk came after the first scan had begun
    std::uint32_t tables_ = 0;      // Huffman tables of the file: DC in bits 0 to 3, AC from bit 16
    std::uint32_t missing_ = 0;     // tables that a scan used before the file defined them
};

}  // namespace jpegcompile
