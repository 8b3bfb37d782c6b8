#include "jpeg/packing_bindings.h"

#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "jpeg/packed_crop.h"
#include "jpeg/packed_image.h"
#include "jpeg/packing.h"
#include "jpeg/python_arrays.h"
#include "jpeg/python_sources.h"
#include "jpeg/unpacking.h"
#include "jpeg/work.h"

namespace nb = nanobind;

namespace jpegcompile {
namespace {

template <typename Scalar, typename... Kinds>
using Input = nb::ndarray<const Scalar, nb::c_contig, nb::device::cpu, Kinds...>;

// Contiguous blocks in natural order.
using Blocks = Input<std::int16_t, nb::shape<-1, block_coefficients>>;

// Returns the arrays `stream`, `lengths` and `offsets` of packed.py.
nb::tuple pack(const Blocks& blocks, std::size_t threads) {
    const std::size_t count = blocks.shape(0);
    const std::size_t groups = (count + packed_group - 1) / packed_group;
    // Pages of the stream that are never written use no memory.
    auto stream = std::make_unique_for_overwrite<std::uint8_t[]>(count * longest_record);
    auto lengths = std::make_unique_for_overwrite<std::uint8_t[]>(groups * packed_group);
    auto offsets = std::make_unique_for_overwrite<std::int32_t[]>(groups);
    std::size_t bytes = 0;
    {
        const nb::gil_scoped_release release;
        bytes = pack_blocks({blocks.data(), blocks.size()}, threads, stream.get(), lengths.get(),
                            offsets.get());
    }
    return nb::make_tuple(array_over(std::move(stream), {bytes}),
                          array_over(std::move(lengths), {groups * packed_group}),
                          array_over(std::move(offsets), {groups}));
}

using Bytes = Input<std::uint8_t, nb::ndim<1>>;
using Output = nb::ndarray<std::int16_t, nb::shape<-1, -1, -1, block_coefficients>, nb::c_contig,
                           nb::device::cpu>;

// Fills `out` [planes, rows, columns, 64]. Returns the first invalid block, or -1.
std::int64_t unpack(const Bytes& stream, const Bytes& lengths,
                    const Input<std::int32_t, nb::ndim<1>>& offsets, std::size_t first_block,
                    const Input<std::int64_t, nb::shape<-1, 2>>& extents, const Output& out,
                    std::size_t threads) {
    const BlockExtents padded{out.shape(1), out.shape(2)};
    std::vector<BlockExtents> planes;
    for (std::size_t index = 0; index < extents.shape(0); ++index) {
        const std::int64_t rows = extents(index, 0), columns = extents(index, 1);
        if (rows < 0 || columns < 0 || static_cast<std::size_t>(rows) > padded.rows ||
            static_cast<std::size_t>(columns) > padded.columns) {
            throw nb::value_error("a plane is larger than out");
        }
        planes.push_back({static_cast<std::size_t>(rows), static_cast<std::size_t>(columns)});
    }
    if (planes.size() != out.shape(0)) {
        throw nb::value_error("extents and out differ in the number of planes");
    }
    std::optional<std::size_t> bad;
    {
        const nb::gil_scoped_release release;
        bad = unpack_planes({{stream.data(), stream.size()},
                             {lengths.data(), lengths.size()},
                             {offsets.data(), offsets.size()}},
                            first_block, planes, padded, threads, out.data());
    }
    return bad.has_value() ? static_cast<std::int64_t>(*bad) : -1;
}

struct Outcome {
    PackedRecord record;
    std::optional<ReadError> failure;
};

// Reads and packs every source. Returns for each (record, tables), or (kind, cause) of a failure.
nb::list pack_images(const nb::list& given, std::size_t threads, bool tolerant,
                     std::uint64_t max_pixels) {
    const PythonSources sources(given);
    std::vector<Outcome> outcomes(given.size());
    {
        const nb::gil_scoped_release release;
        const ReadError out_of_memory{FailureKind::memory, "not enough memory"};
        const std::vector<std::size_t> order = order_of_work(sources.native(), threads);
        std::atomic<std::size_t> next = 0;
        share_work(std::min(threads, outcomes.size()), [&]() noexcept {
            for (std::size_t turn = next++; turn < order.size(); turn = next++) {
                Outcome& outcome = outcomes[order[turn]];
                try {
                    outcome.record = packed_record(read_coefficients(
                        sources.native()[order[turn]], {tolerant, max_pixels, {}}));
                } catch (const ReadError& error) {
                    outcome.failure = error;
                } catch (...) {
                    outcome.failure = out_of_memory;
                }
            }
        });
    }
    nb::list made;
    for (const Outcome& outcome : outcomes) {
        if (outcome.failure.has_value()) {
            made.append(nb::make_tuple(name_of(outcome.failure->kind()), outcome.failure->what()));
            continue;
        }
        const auto& [bytes, tables] = outcome.record;
        made.append(nb::make_tuple(nb::bytes(bytes.data(), bytes.size()),
                                   nb::bytes(tables.data(), tables.size())));
    }
    return made;
}

// Checks the headers, sizes and lengths of packed images. Returns (index, kind, cause) of each that
// is damaged or too large.
nb::list check(const nb::list& given, std::uint64_t max_pixels) {
    const PythonSources sources(given);
    nb::list refused;
    std::size_t index = 0;
    for (const Source& source : sources.native()) {
        try {
            check_options(view_of(std::get<PackedSource>(source)).frame, {false, max_pixels, {}});
        } catch (const ReadError& error) {
            refused.append(nb::make_tuple(index, name_of(error.kind()), error.what()));
        }
        ++index;
    }
    return refused;
}

using Components = std::span<const PackedComponent>;

// The packed blocks of one or two components of many images, one image after another.
class Joined {
public:
    Joined(const std::vector<Components>& images, std::size_t first, std::size_t last)
        : extents_(std::make_unique_for_overwrite<std::int64_t[]>(images.size() * 2)),
          images_(images.size()) {
        for (const Components& image : images) {
            for (std::size_t index = first; index < std::min(last, image.size()); ++index) {
                blocks_ += image[index].lengths.size();
                bytes_ += image[index].stream.size();
            }
        }
        groups_ = (blocks_ + packed_group - 1) / packed_group;
        stream_ = std::make_unique_for_overwrite<std::uint8_t[]>(bytes_);
        lengths_ = std::make_unique<std::uint8_t[]>(groups_ * packed_group);
        offsets_ = std::make_unique_for_overwrite<std::int32_t[]>(groups_);
        copy(images, first, last);
    }

    nb::tuple to_python() {
        return nb::make_tuple(array_over(std::move(stream_), {bytes_}),
                              array_over(std::move(lengths_), {groups_ * packed_group}),
                              array_over(std::move(offsets_), {groups_}),
                              array_over(std::move(extents_), {images_, 2}));
    }

private:
    void copy(const std::vector<Components>& images, std::size_t first, std::size_t last) {
        std::uint8_t* stream = stream_.get();
        std::uint8_t* lengths = lengths_.get();
        std::int64_t* extents = extents_.get();
        for (const Components& image : images) {
            BlockExtents own;
            for (std::size_t index = first; index < std::min(last, image.size()); ++index) {
                const PackedComponent& component = image[index];
                own = component.extents;
                stream = std::ranges::copy(component.stream, stream).out;
                lengths = std::ranges::copy(component.lengths, lengths).out;
            }
            *extents++ = static_cast<std::int64_t>(own.rows);
            *extents++ = static_cast<std::int64_t>(own.columns);
        }
        std::int32_t at = 0;
        for (std::size_t group = 0; group < groups_; ++group) {
            offsets_[group] = at;
            for (std::size_t block = 0; block < packed_group; ++block) {
                at += lengths_[group * packed_group + block];
            }
        }
    }

    std::unique_ptr<std::uint8_t[]> stream_, lengths_;
    std::unique_ptr<std::int32_t[]> offsets_;
    std::unique_ptr<std::int64_t[]> extents_;
    std::size_t images_, blocks_ = 0, bytes_ = 0, groups_ = 0;
};

// First and last row, first and last column of luma and of chroma, for each image.
using Windows = Input<std::int64_t, nb::shape<-1, 2, 4>>;

BlockWindow window_at(const Windows& windows, std::size_t image, std::size_t plane) {
    const auto end = [&](std::size_t index) {
        // Negative numbers exceed every component.
        return static_cast<std::size_t>(windows(image, plane, index));
    };
    return {{end(0), end(1)}, {end(2), end(3)}};
}

// Packed images, cut to their windows if there are any.
class Images {
public:
    // Throws ReadError.
    void add(const PackedSource& source, std::uint16_t* tables) {
        views_.push_back(view_of(source));
        const auto& components = views_.back().frame.components;
        for (std::size_t index = 0; index < 3; ++index) {
            const auto& table = components[std::min(index, components.size() - 1)].quantization;
            tables = std::ranges::copy(table, tables).out;
        }
    }

    // Returns false if a window exceeds its component.
    bool cut(const Windows& windows) {
        for (std::size_t index = 0; index < views_.size(); ++index) {
            crops_.push_back(cropped(views_[index], window_at(windows, index, 0),
                                     window_at(windows, index, 1)));
            if (crops_.back().components.empty()) {
                return false;
            }
        }
        return true;
    }

    std::vector<Components> components() const {
        std::vector<Components> made;
        for (std::size_t index = 0; index < views_.size(); ++index) {
            made.emplace_back(crops_.empty() ? views_[index].components : crops_[index].components);
        }
        return made;
    }

    std::size_t size() const { return views_.size(); }

private:
    std::vector<PackedView> views_;
    std::vector<PackedCrop> crops_;
};

// Joins packed images of less than 2 GB together whose components 1 and 2 have the same size, or
// the blocks of their windows. Returns the arrays of luma, the arrays of chroma, and quantization
// tables [images, 3, 8, 8], or (index, cause) for the first damaged image.
nb::tuple join(const nb::list& given, const std::optional<Windows>& windows) {
    const PythonSources sources(given);
    if (windows.has_value() && windows->shape(0) != given.size()) {
        throw nb::value_error("images and windows differ in number");
    }
    Images images;
    std::optional<ReadError> failure;
    auto tables = std::make_unique_for_overwrite<std::uint16_t[]>(given.size() * 3 *
                                                                  block_coefficients);
    std::optional<Joined> luma, chroma;
    {
        const nb::gil_scoped_release release;
        try {
            for (const Source& source : sources.native()) {
                images.add(std::get<PackedSource>(source),
                           tables.get() + images.size() * 3 * block_coefficients);
            }
            if (!windows.has_value() || images.cut(*windows)) {
                const std::vector<Components> components = images.components();
                luma.emplace(components, 0, 1);
                chroma.emplace(components, 1, 3);
            }
        } catch (const ReadError& error) {
            failure = error;
        }
    }
    if (failure.has_value()) {
        return nb::make_tuple(images.size(), failure->what());
    }
    if (!luma.has_value()) {
        throw nb::value_error("a window exceeds its image");
    }
    return nb::make_tuple(luma->to_python(), chroma->to_python(),
                          array_over(std::move(tables), {given.size(), 3, 8, 8}));
}

}  // namespace

void bind_packing(nb::module_& module) {
    module.def("pack_blocks", &pack, nb::arg("coefficients"), nb::arg("threads"));
    module.def("unpack_planes", &unpack, nb::arg("stream"), nb::arg("lengths"), nb::arg("offsets"),
               nb::arg("first_block"), nb::arg("extents"), nb::arg("out"), nb::arg("threads"));
    module.def("pack_images", &pack_images, nb::arg("sources"), nb::arg("threads"),
               nb::arg("tolerant"), nb::arg("max_pixels"));
    module.def("check_packed", &check, nb::arg("sources"), nb::arg("max_pixels"));
    module.def("join_packed", &join, nb::arg("sources"), nb::arg("windows").none());
}

}  // namespace jpegcompile
