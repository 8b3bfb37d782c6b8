// The bytes of a JPEG file as a libjpeg source manager.
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
    // Throws ReadError if the path cannot be opened or is not a regular file.
    explicit InputFile(const std::string& path);
    ~InputFile();
    InputFile(const InputFile&) = delete;
    InputFile& operator=(const InputFile&) = delete;

    // Fills `buffer` from the file. Returns the number of bytes read, 0 at the end, or -errno.
    [[nodiscard]] long read(std::span<unsigned char> buffer) const noexcept;

    // Returns the whole file if it begins like a JPEG file and is not very large. Otherwise returns
    // nothing, and `read` starts at the beginning again. Throws ReadError if reading fails.
    [[nodiscard]] FileBytes read_whole() const;

private:
    int descriptor_;
    std::size_t size_ = 0;
};

// A `jpeg_source_mgr` over memory or over a file. A file is read in pieces of a fixed size, so it
// may be of any length. At the end of the data it reports a libjpeg warning and adds an
// end-of-image marker.
class InputStream : public jpeg_source_mgr {
public:
    explicit InputStream(const InputFile& file) noexcept;
    explicit InputStream(std::span<const unsigned char> bytes) noexcept;
    InputStream(const InputStream&) = delete;
    InputStream& operator=(const InputStream&) = delete;

    // The errno of a failed read, or 0.
    [[nodiscard]] int read_errno() const noexcept { return read_errno_; }
    // The first bytes of the data. Valid until libjpeg requests a second buffer.
    [[nodiscard]] std::span<const unsigned char> start() const noexcept { return start_; }

private:
    static boolean fill(j_decompress_ptr decoder);
    static void skip(j_decompress_ptr decoder, long bytes);
    void install() noexcept;

    const InputFile* file_ = nullptr;
    int read_errno_ = 0;
    std::span<const unsigned char> start_;
    std::array<unsigned char, 65536> buffer_;  // left uninitialized on purpose
};

}  // namespace jpegcompile
