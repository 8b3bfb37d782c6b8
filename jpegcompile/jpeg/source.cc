#include "jpeg/source.h"

#include <fcntl.h>
#include <jerror.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace jpegcompile {
namespace {

// Larger files are read in pieces.
constexpr std::size_t most_whole_bytes = std::size_t{64} << 20;
// Bytes to read before the decision whether the file is a JPEG file.
constexpr std::size_t first_bytes = 4096;

[[noreturn]] void fail_access(int error_number) {
    throw ReadError(FailureKind::access, std::generic_category().message(error_number));
}

}  // namespace

InputFile::InputFile(const std::string& path) {
    if (path.find('\0') != std::string::npos) {
        throw ReadError(FailureKind::access, "a path cannot contain a zero byte");
    }
    // O_NONBLOCK prevents a hang on a named pipe without a writer.
    descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor_ < 0) {
        fail_access(errno);
    }
    struct stat status {};
    const int error_number = ::fstat(descriptor_, &status) == 0 ? 0 : errno;
    if (error_number != 0 || !S_ISREG(status.st_mode)) {
        ::close(descriptor_);
        if (error_number != 0) {
            fail_access(error_number);
        }
        throw ReadError(FailureKind::access, S_ISDIR(status.st_mode)
                                                 ? "is a directory; give the path of a JPEG file"
                                                 : "is not a regular file; pass its bytes");
    }
    size_ = static_cast<std::size_t>(status.st_size);
}

InputFile::~InputFile() { ::close(descriptor_); }

long InputFile::read(std::span<unsigned char> buffer) const noexcept {
    while (true) {
        const ssize_t count = ::read(descriptor_, buffer.data(), buffer.size());
        if (count >= 0) {
            return count;
        }
        if (errno != EINTR) {
            return -errno;
        }
    }
}

FileBytes InputFile::read_whole() const {
    if (size_ < 2 || size_ > most_whole_bytes) {
        return {};
    }
    // One extra byte shows whether the file has grown.
    FileBytes whole{allocate_bytes(size_ + 1), 0};
    bool is_jpeg = whole.memory != nullptr;
    while (is_jpeg && whole.size <= size_) {
        const std::size_t step = whole.size == 0 ? first_bytes : size_ + 1;
        const std::size_t room = std::min(step, size_ + 1 - whole.size);
        const long count = read({whole.memory.get() + whole.size, room});
        if (count < 0) {
            fail_access(static_cast<int>(-count));
        }
        if (count == 0) {
            return whole;
        }
        whole.size += static_cast<std::size_t>(count);
        is_jpeg = whole.size < 2 || (whole.memory[0] == 0xFF && whole.memory[1] == 0xD8);
    }
    if (::lseek(descriptor_, 0, SEEK_SET) != 0) {
        fail_access(errno);
    }
    return {};
}

InputStream::InputStream(const InputFile& file) noexcept : jpeg_source_mgr{}, file_(&file) {
    install();
}

InputStream::InputStream(std::span<const unsigned char> bytes) noexcept
    : jpeg_source_mgr{}, start_(bytes) {
    install();
    next_input_byte = bytes.data();
    bytes_in_buffer = bytes.size();
}

void InputStream::install() noexcept {
    init_source = [](j_decompress_ptr) {};
    fill_input_buffer = &InputStream::fill;
    skip_input_data = &InputStream::skip;
    resync_to_restart = &jpeg_resync_to_restart;
    term_source = [](j_decompress_ptr) {};
}

boolean InputStream::fill(j_decompress_ptr decoder) {
    auto& stream = static_cast<InputStream&>(*decoder->src);
    long count = 0;
    if (stream.file_ != nullptr) {
        count = stream.file_->read(stream.buffer_);
        if (count < 0) {
            stream.read_errno_ = static_cast<int>(-count);
            ERREXIT(decoder, JERR_FILE_READ);
        }
    }
    if (count == 0) {
        WARNMS(decoder, JWRN_JPEG_EOF);  // does not return unless the reading is tolerant
        static constexpr std::array<unsigned char, 2> end_of_image{0xFF, JPEG_EOI};
        stream.next_input_byte = end_of_image.data();
        stream.bytes_in_buffer = end_of_image.size();
        return TRUE;
    }
    const auto size = static_cast<std::size_t>(count);
    if (stream.start_.empty()) {
        stream.start_ = std::span<const unsigned char>(stream.buffer_).first(size);
    }
    stream.next_input_byte = stream.buffer_.data();
    stream.bytes_in_buffer = size;
    return TRUE;
}

void InputStream::skip(j_decompress_ptr decoder, long bytes) {
    auto& stream = static_cast<InputStream&>(*decoder->src);
    while (bytes > 0) {
        const auto step = std::min(static_cast<std::size_t>(bytes), stream.bytes_in_buffer);
        stream.next_input_byte += step;
        stream.bytes_in_buffer -= step;
        bytes -= static_cast<long>(step);
        if (bytes > 0) {
            fill(decoder);
        }
    }
}

}  // namespace jpegcompile
