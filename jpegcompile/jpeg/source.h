// Where the bytes of a JPEG file come from, as a libjpeg source manager.
#pragma once

#include <cstdio>
// jpeglib.h needs FILE and size_t declared before it.
#include <jpeglib.h>

#include <array>
#include <span>
#include <string>

#include "jpeg/coefficients.h"
#include "jpeg/memory.h"

namespace jpegcompile {

struct FileBytes {
    ByteMemory memory;
    std::size_t size = 0;
};

// An open regular file, closed with its owner.
class InputFile {
public:
    // Throws ReadError where the path cannot be opened or is no regular file.
    explicit InputFile(const std::string& path);
    ~InputFile();
    InputFile(const InputFile&) = delete;
    InputFile& operator=(const InputFile&) = delete;

    // Fills `buffer` from the file; the bytes read, 0 at the end, or -errno.
    [[nodiscard]] long read(std::span<unsigned char> buffer) const noexcept;

    // All of a file that begins like a JPEG file, unless it is very large; otherwise none, and the
    // file is read from its start again. Throws ReadError where reading fails.
    [[nodiscard]] FileBytes read_whole() const;

private:
    int descriptor_;
    std::size_t size_ = 0;
};

// `jpeg_source_mgr` over a file, in pieces of a fixed size so that no file is too large, or over
// memory. The end of the data is a libjpeg warning followed by an invented end-of-image marker.
class InputStream : public jpeg_source_mgr {
public:
    explicit InputStream(const InputFile& file) noexcept;
    explicit InputStream(std::span<const unsigned char> bytes) noexcept;
    InputStream(const InputStream&) = delete;
    InputStream& operator=(const InputStream&) = delete;

    // The errno of a failed read, or 0.
    [[nodiscard]] int read_errno() const noexcept { return read_errno_; }
    // The first bytes of the data, valid until libjpeg asks for more than one buffer.
    [[nodiscard]] std::span<const unsigned char> start() const noexcept { return start_; }

private:
    static boolean fill(j_decompress_ptr decoder);
    static void skip(j_decompress_ptr decoder, long bytes);
    void install() noexcept;

    const InputFile* file_ = nullptr;
    int read_errno_ = 0;
    std::span<const unsigned char> start_;
    std::array<unsigned char, 65536> buffer_;  // left uninitialised on purpose
};

}  // namespace jpegcompile
