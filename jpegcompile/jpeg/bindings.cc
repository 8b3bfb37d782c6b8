// Python bindings of coefficients.h and packing.h. jpegcompile/_core.pyi has their types.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "jpeg/coefficients.h"
#include "jpeg/packing.h"
#include "jpeg/python_sources.h"
#include "learning/bindings.h"
#include "preprocess/bindings.h"
#include "preprocess/integer/bindings.h"

namespace nb = nanobind;

namespace jpegcompile {
namespace {

// Returns an array over `memory`. The memory lives as long as any array that shares it.
template <typename Memory>
nb::object array_over(Memory memory, std::initializer_list<std::size_t> shape) {
    auto holder = std::make_unique<Memory>(std::move(memory));
    auto* const data = holder->get();
    const nb::capsule owner(holder.get(), [](void* held) noexcept {
        const std::unique_ptr<Memory> reclaimed(static_cast<Memory*>(held));
    });
    static_cast<void>(holder.release());  // the capsule owns it from here on
    using Scalar = typename Memory::element_type;
    return nb::cast(nb::ndarray<nb::numpy, Scalar>(data, shape, owner), nb::rv_policy::reference);
}

nb::object quantization_of(const Image& image) {
    const std::size_t count = image.components.size();
    auto tables = std::make_unique<std::uint16_t[]>(count * block_coefficients);
    for (std::size_t index = 0; index < count; ++index) {
        const auto& table = image.components[index].quantization;
        std::copy(table.begin(), table.end(), tables.get() + index * block_coefficients);
    }
    return array_over(std::move(tables), {count, 8, 8});
}

nb::tuple to_python(Image image) {
    nb::list planes;
    nb::list sampling;
    nb::object quantization = quantization_of(image);
    for (Component& component : image.components) {
        sampling.append(nb::make_tuple(component.horizontal_factor, component.vertical_factor));
        planes.append(array_over(std::move(component.coefficients),
                                 {component.block_rows, component.block_columns, 8, 8}));
    }
    return nb::make_tuple(nb::tuple(planes), quantization, nb::tuple(sampling), image.width,
                          image.height, name_of(image.color_space), image.progressive,
                          image.orientation);
}

// `sources` contains str (paths) and buffers. Returns the images, or (failing index, kind, cause).
nb::object read_many(const nb::list& sources, std::size_t threads, bool tolerant,
                     std::uint64_t max_pixels) {
    const PythonSources native(sources);
    ReadManyResult result;
    {
        const nb::gil_scoped_release release;
        result = read_coefficients_many(native.native(), {tolerant, max_pixels, {}}, threads);
    }
    if (result.failure.has_value()) {
        return nb::make_tuple(result.failing_index, name_of(result.failure->kind()),
                              result.failure->what());
    }
    nb::list images;
    for (Image& image : result.images) {
        images.append(to_python(std::move(image)));
    }
    return images;
}

// Contiguous blocks in natural order.
using Blocks = nb::ndarray<const std::int16_t, nb::shape<-1, block_coefficients>, nb::c_contig,
                           nb::device::cpu>;

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

}  // namespace
}  // namespace jpegcompile

NB_MODULE(_core, module) {
    module.doc() = "The native parts of jpegcompile; jpegcompile.runtime is their public face.";
    module.def("read_coefficients_many", &jpegcompile::read_many, nb::arg("sources"),
               nb::arg("threads"), nb::arg("tolerant"), nb::arg("max_pixels"));
    module.def("pack_blocks", &jpegcompile::pack, nb::arg("coefficients"), nb::arg("threads"));
    jpegcompile::bind_preprocess(module);
    jpegcompile::bind_integer_decode(module);
    jpegcompile::bind_learning(module);
}
