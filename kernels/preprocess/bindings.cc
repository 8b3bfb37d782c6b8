#include "preprocess/bindings.h"

#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "jpeg/python_sources.h"
#include "preprocess/names.h"
#include "preprocess/preprocessor.h"
#include "preprocess/python_placement.h"

namespace nb = nanobind;

namespace jpegcompile {
namespace {

using Pair = std::pair<int64_t, int64_t>;

Resize resize_of(nb::handle given) {
  Resize resize;
  resize.fit = named<Fit>(given.attr("fit"), kFitNames);
  resize.crop_ratio = nb::cast<double>(given.attr("crop_ratio"));
  const nb::object size = given.attr("size");
  if (nb::isinstance<nb::tuple>(size)) {
    const auto [height, width] = nb::cast<Pair>(size);
    resize.size = Size{height, width};
  } else if (!size.is_none()) {
    resize.short_side = nb::cast<int64_t>(size);
  }
  resize.filter = filter_of(given.attr("filter"));
  resize.scaled_decoding = nb::cast<bool>(given.attr("scaled_decoding"));
  return resize;
}

Crop crop_of(nb::handle given) {
  Crop crop;
  const nb::object position = given.attr("position");
  if (nb::isinstance<nb::tuple>(position)) {
    const auto [top, left] = nb::cast<Pair>(position);
    crop = {CropPosition::kGiven, top, left, CropRounding::kEven};
  } else {
    crop.position = named<CropPosition>(position, kCropPositionNames);
  }
  crop.rounding = named<CropRounding>(given.attr("rounding"), kRoundingNames);
  return crop;
}

// Converts a jpegcompile.preprocessing.geometry.Geometry.
Geometry geometry_of(nb::handle given) {
  Geometry geometry;
  const nb::object resize = given.attr("resize"), crop = given.attr("crop");
  if (!resize.is_none()) geometry.resize = resize_of(resize);
  if (!crop.is_none()) geometry.crop = crop_of(crop);
  geometry.applies_orientation = nb::cast<bool>(given.attr("orientation"));
  geometry.mirror = nb::cast<bool>(given.attr("mirror"));
  geometry.flip = nb::cast<bool>(given.attr("flip"));
  geometry.views = named<Views>(given.attr("views"), kViewsNames);
  return geometry;
}

nb::tuple placed_axis(const AxisPlacement& axis) {
  return nb::make_tuple(axis.source, axis.target, axis.start, axis.length, axis.is_mirrored,
                        axis.is_flipped, axis.is_scaled);
}

nb::object placed(const Preprocessor& preprocessor, int64_t height, int64_t width,
                  int orientation) {
  const NetworkNumbers& network = preprocessor.network();
  const auto placement = place(network.geometry, {height, width}, orientation, network.size);
  if (!placement.has_value()) return nb::none();
  return nb::make_tuple(placed_axis(placement->rows), placed_axis(placement->columns),
                        placement->is_transposed);
}

// Returns the arguments of jpegcompile.jpeg.frame.Frame.
nb::tuple to_python(const FrameHeader& frame) {
  return nb::make_tuple(frame.height, frame.width, nb::tuple(nb::cast(frame.sampling)),
                        name_of(frame.color_space), frame.orientation);
}

nb::tuple to_python(const Failure& failure) {
  if (failure.error.has_value()) {
    return nb::make_tuple(failure.index, name_of(failure.error->kind()), failure.error->what());
  }
  return nb::make_tuple(failure.index, "frame", to_python(failure.frame.value()));
}

// Returns a placer that calls a function of Python: (index, frame) -> Placement or None. Threads
// call it without the interpreter lock.
Placer placer_of(nb::handle given) {
  if (given.is_none()) return nullptr;
  return [given](size_t index, const FrameHeader& frame) -> std::optional<Placement> {
    const nb::gil_scoped_acquire acquire;
    const nb::object placed = given(index, to_python(frame));
    if (placed.is_none()) return std::nullopt;
    return placement_of(placed);
  };
}

using Batches = nb::ndarray<nb::ndim<4>, nb::c_contig, nb::device::cpu>;

// Fills `out`, a batch with one image for each source, and returns the failures. `place` is None,
// or returns the placement of an image; see `placer_of`.
nb::list run(Preprocessor& preprocessor, const nb::list& given, const Batches& out,
             nb::object place) {
  const PythonSources sources(given);
  const Placer placer = placer_of(place);
  if (out.nbytes() != given.size() * preprocessor.image_bytes()) {
    const std::string message = "out has " + std::to_string(out.nbytes()) + " bytes; " +
                                std::to_string(given.size()) + " images need " +
                                std::to_string(given.size() * preprocessor.image_bytes());
    throw nb::value_error(message.c_str());
  }
  std::vector<Failure> failures;
  {
    const nb::gil_scoped_release release;
    failures = preprocessor.run(sources.native(), out.data(), placer);
  }
  nb::list result;
  for (const Failure& failure : failures) result.append(to_python(failure));
  return result;
}

using Doubles = std::vector<double>;

// `scale`, `shift` and `fill` contain one number for each channel. `mixing` contains one matrix for
// each color space: gray, ycbcr, rgb. `integers` is the color of the integer decode, or None for
// the float decode.
std::unique_ptr<Preprocessor> make(nb::handle geometry, Pair size, int64_t block,
                                   bool is_channels_last, bool is_half,
                                   const std::vector<Doubles>& mixing, const Doubles& scale,
                                   const Doubles& shift, const Doubles& fill, nb::object integers,
                                   size_t threads, bool tolerant, bool checks_all,
                                   uint64_t max_pixels) {
  NetworkNumbers network;
  network.channels = scale.size();
  network.size = {size.first, size.second};
  network.block = block;
  network.is_channels_last = is_channels_last;
  network.is_half = is_half;
  network.geometry = geometry_of(geometry);
  std::ranges::copy(mixing, network.mixing.begin());
  network.scale = scale;
  network.shift = shift;
  network.fill = fill;
  PreprocessOptions options;
  options.tolerant = tolerant;
  options.max_pixels = max_pixels;
  options.threads = threads;
  options.checks_all = checks_all;
  if (!integers.is_none()) options.integers = named<PixelColor>(integers, kColorNames);
  return std::make_unique<Preprocessor>(std::move(network), options);
}

}  // namespace

void bind_preprocess(nb::module_& module) {
  nb::class_<Preprocessor>(module, "Preprocessor")
      .def(nb::new_(&make), nb::arg("geometry"), nb::arg("size"), nb::arg("block"),
           nb::arg("is_channels_last"), nb::arg("is_half"), nb::arg("mixing"), nb::arg("scale"),
           nb::arg("shift"), nb::arg("fill"), nb::arg("integers").none(), nb::arg("threads"),
           nb::arg("tolerant"), nb::arg("checks_all"), nb::arg("max_pixels"))
      .def("place", &placed, nb::arg("height"), nb::arg("width"), nb::arg("orientation"))
      .def("run", &run, nb::arg("sources"), nb::arg("out"),
           nb::arg("place").none() = nb::none());
}

}  // namespace jpegcompile
