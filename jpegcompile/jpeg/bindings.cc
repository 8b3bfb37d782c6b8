// Python bindings of coefficients.h. jpegcompile/_core.pyi has their types.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "jpeg/coefficients.h"
#include "jpeg/packing_bindings.h"
#include "jpeg/python_arrays.h"
#include "jpeg/python_sources.h"
#include "learning/bindings.h"
#include "preprocess/bindings.h"
#include "preprocess/integer/bindings.h"

namespace nb = nanobind;

namespace jpegcompile {
namespace {

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

}  // namespace
}  // namespace jpegcompile

NB_MODULE(_core, module) {
    module.doc() = "The native parts of jpegcompile; jpegcompile.runtime is their public face.";
    module.def("read_coefficients_many", &jpegcompile::read_many, nb::arg("sources"),
               nb::arg("threads"), nb::arg("tolerant"), nb::arg("max_pixels"));
    jpegcompile::bind_packing(module);
    jpegcompile::bind_preprocess(module);
    jpegcompile::bind_integer_decode(module);
    jpegcompile::bind_learning(module);
}
