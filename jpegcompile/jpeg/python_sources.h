// Shared by the Python bindings: image sources from Python, and names of enumerators for Python.
#pragma once

#include <nanobind/nanobind.h>

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "jpeg/coefficients.h"

namespace jpegcompile {

// A contiguous buffer of a Python object, held while C++ reads it.
class HeldBuffer {
public:
    explicit HeldBuffer(nanobind::handle object) {
        if (PyObject_GetBuffer(object.ptr(), &view_, PyBUF_SIMPLE) != 0) {
            nanobind::raise_python_error();
        }
    }
    HeldBuffer(HeldBuffer&& other) noexcept : view_(std::exchange(other.view_, Py_buffer{})) {}
    HeldBuffer(const HeldBuffer&) = delete;
    HeldBuffer& operator=(const HeldBuffer&) = delete;
    HeldBuffer& operator=(HeldBuffer&&) = delete;
    ~HeldBuffer() {
        if (view_.obj != nullptr) {
            PyBuffer_Release(&view_);
        }
    }

    [[nodiscard]] std::span<const unsigned char> bytes() const noexcept {
        return {static_cast<const unsigned char*>(view_.buf), static_cast<std::size_t>(view_.len)};
    }

private:
    Py_buffer view_{};
};

// A list of str (paths), buffers, and pairs of buffers (packed images with their tables), held while
// C++ reads them. Create and destroy it under the GIL.
class PythonSources {
public:
    explicit PythonSources(const nanobind::list& sources) {
        buffers_.reserve(sources.size());
        native_.reserve(sources.size());
        for (const nanobind::handle source : sources) {
            if (nanobind::isinstance<nanobind::str>(source)) {
                const auto encoded =
                    nanobind::steal<nanobind::object>(PyUnicode_EncodeFSDefault(source.ptr()));
                if (!encoded.is_valid()) {
                    nanobind::raise_python_error();
                }
                const nanobind::bytes path(encoded);
                native_.emplace_back(std::string(path.c_str(), path.size()));
            } else if (nanobind::isinstance<nanobind::tuple>(source)) {
                const auto pair = nanobind::borrow<nanobind::tuple>(source);
                native_.emplace_back(PackedSource{held(pair[0]), held(pair[1])});
            } else {
                native_.emplace_back(held(source));
            }
        }
    }

    [[nodiscard]] std::span<const Source> native() const noexcept { return native_; }

private:
    std::span<const unsigned char> held(nanobind::handle buffer) {
        return buffers_.emplace_back(buffer).bytes();
    }

    std::vector<HeldBuffer> buffers_;
    std::vector<Source> native_;
};

inline const char* name_of(ColorSpace color_space) {
    switch (color_space) {
        case ColorSpace::gray:
            return "gray";
        case ColorSpace::rgb:
            return "rgb";
        case ColorSpace::ycbcr:
            break;
    }
    return "ycbcr";
}

inline const char* name_of(FailureKind kind) {
    switch (kind) {
        case FailureKind::access:
            return "access";
        case FailureKind::memory:
            return "memory";
        case FailureKind::not_jpeg:
            return "not_jpeg";
        case FailureKind::unsupported:
            return "unsupported";
        case FailureKind::too_large:
            return "too_large";
        case FailureKind::too_many_scans:
            return "too_many_scans";
        case FailureKind::damaged:
            break;
    }
    return "damaged";
}

}  // namespace jpegcompile
