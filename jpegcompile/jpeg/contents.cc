#include "jpeg/contents.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace jpegcompile {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view convert = "; convert it to a baseline JPEG";
constexpr std::string_view unpack = "; unpack it and give the JPEG files inside";
constexpr std::string_view download = "; download the image itself";

struct Signature {
    std::size_t offset;
    std::string_view bytes;
    std::string_view name;
    std::string_view advice;
};

// The first match counts.
constexpr Signature signatures[] = {
    {0, "\x89PNG"sv, "a PNG image", convert},
    {0, "GIF8"sv, "a GIF image", convert},
    {8, "WEBP"sv, "a WebP image", convert},
    {0, "BM"sv, "a BMP image", convert},
    {0, "II*\0"sv, "a TIFF image", convert},
    {0, "MM\0*"sv, "a TIFF image", convert},
    {0, "II+\0"sv, "a BigTIFF image", convert},
    {0, "MM\0+"sv, "a BigTIFF image", convert},
    {0, "II\xBC\x01"sv, "a JPEG XR image", convert},
    {0, "8BPS"sv, "a Photoshop document", convert},
    {0, "\0\0\x01\0"sv, "an icon", convert},
    {4, "jP  \r\n"sv, "a JPEG 2000 image", convert},
    {0, "\xFF\x4F\xFF\x51"sv, "a JPEG 2000 image", convert},
    {0, "\xFF\x0A"sv, "a JPEG XL image", convert},
    {4, "JXL \r\n"sv, "a JPEG XL image", convert},
    {4, "ftypavi"sv, "an AVIF image", convert},
    {4, "ftyphe"sv, "a HEIF image", convert},
    {4, "ftypmif1"sv, "a HEIF image", convert},
    {4, "ftypmsf1"sv, "a HEIF image", convert},
    {4, "ftyp"sv, "a video or another ISO media file", "; give an image of it as a baseline JPEG"},
    {0, "%PDF"sv, "a PDF document", "; give its image as a baseline JPEG"},
    {0, "%!PS"sv, "a PostScript document", convert},
    {0, "PK\x03\x04"sv, "a zip archive", unpack},
    {0, "\x1F\x8B"sv, "gzip data", unpack},
    {0, "7z\xBC\xAF\x27\x1C"sv, "a 7z archive", unpack},
    {0, "\0\x05\x16\x07"sv, "an AppleDouble file of macOS ('._...')",
     "; leave it out, because the image is in the file without '._'"},
    {0, "version https://git-lfs"sv, "a pointer of Git LFS", "; get the file with 'git lfs pull'"},
};

// Beginnings of text, in lower case.
constexpr Signature texts[] = {
    {0, "<!doctype html"sv, "an HTML page", download},
    {0, "<html"sv, "an HTML page", download},
    {0, "<svg"sv, "an SVG image", convert},
    {0, "<?xml"sv, "XML", {}},
    {0, "{"sv, "JSON", {}},
};

constexpr std::string_view space = " \t\r\n";

bool is_text(std::string_view bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](char byte) {
        return (byte >= ' ' && byte <= '~') || (byte >= '\t' && byte <= '\r');
    });
}

const Signature* find(std::span<const Signature> among, std::string_view bytes) {
    const auto found = std::find_if(among.begin(), among.end(), [bytes](const Signature& one) {
        return bytes.size() > one.offset && bytes.substr(one.offset).starts_with(one.bytes);
    });
    return found == among.end() ? nullptr : &*found;
}

const Signature* find_text(std::string_view bytes) {
    constexpr std::string_view mark = "\xEF\xBB\xBF";  // byte order
    bytes.remove_prefix(bytes.starts_with(mark) ? mark.size() : 0);
    bytes.remove_prefix(std::min(bytes.find_first_not_of(space), bytes.size()));
    std::string small(bytes.substr(0, 16));
    std::transform(small.begin(), small.end(), small.begin(), [](char letter) {
        return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
    });
    return find(texts, small);
}

std::string described(const Signature& one) {
    return "not a JPEG: it looks like " + std::string(one.name) + std::string(one.advice);
}

}  // namespace

std::string refusal_of_contents(std::span<const unsigned char> start) {
    const std::string_view all(reinterpret_cast<const char*>(start.data()), start.size());
    const std::string_view bytes = all.substr(0, 64);
    if (bytes.empty()) {
        return "not a JPEG: it is empty";
    }
    const Signature* known = find(signatures, bytes);
    known = known == nullptr ? find_text(bytes) : known;
    if (known != nullptr) {
        return described(*known);
    }
    // SOI and the first byte of the next marker.
    const std::size_t image = all.substr(0, 65536).find("\xFF\xD8\xFF"sv);
    if (image != std::string_view::npos) {
        return "not a JPEG: a JPEG begins at byte " + std::to_string(image) +
               ", after other data; remove the bytes before it";
    }
    if (std::all_of(all.begin(), all.end(), [](char byte) { return byte == 0; })) {
        return "not a JPEG: it contains only zeros";
    }
    return is_text(bytes) ? "not a JPEG: it looks like text"
                          : "not a JPEG: it looks like data of an unknown kind";
}

std::string refusal_of_process(int marker) {
    std::string_view process;
    switch (marker) {
        case 0xC3:
        case 0xCB:
            process = "lossless JPEG";
            break;
        case 0xC5:
        case 0xC6:
        case 0xC7:
        case 0xCD:
        case 0xCE:
        case 0xCF:
        case 0xDE:  // DHP, before a hierarchical progression
        case 0xDF:  // EXP, within a hierarchical progression
            process = "hierarchical JPEG";
            break;
        case 0xC8:
            process = "a JPEG extension";
            break;
        case 0xF7:  // SOF55 of ITU-T T.87
            process = "JPEG-LS";
            break;
        default:
            return {};
    }
    constexpr std::string_view digits = "0123456789abcdef";
    const std::string code{'0', 'x', digits[static_cast<std::size_t>(marker >> 4 & 15)],
                           digits[static_cast<std::size_t>(marker & 15)]};
    return std::string(process) + " (marker " + code + ") is not supported" +
           std::string(convert);
}

}  // namespace jpegcompile
