#include "preprocess/integer/bindings.h"

#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <array>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "jpeg/open_rows.h"
#include "preprocess/integer/integer_decode.h"
#include "preprocess/names.h"

namespace nb = nanobind;

namespace jpegcompile {
namespace {

template <typename Enum, std::size_t kCount>
Enum named(const std::string& name, const std::array<std::string_view, kCount>& names) {
  const std::optional<Enum> value = value_of<Enum>(name, names);
  if (!value.has_value()) throw std::invalid_argument("unknown name '" + name + "'");
  return *value;
}

template <typename Value>
Value attribute(nb::handle object, const char* name) {
  return nb::cast<Value>(object.attr(name));
}

// Converts an `AxisPlacement` of jpegcompile/preprocessing/geometry.py.
AxisPlacement axis_of(nb::handle axis) {
  const nb::object filter = axis.attr("filter");
  AxisPlacement placement;
  placement.source = attribute<int64_t>(axis, "source");
  placement.target = attribute<int64_t>(axis, "target");
  placement.start = attribute<int64_t>(axis, "start");
  placement.length = attribute<int64_t>(axis, "length");
  placement.filter = {
      named<Interpolation>(attribute<std::string>(filter, "name"), kInterpolationNames),
      named<ResizeLibrary>(attribute<std::string>(filter, "library"), kLibraryNames),
      attribute<bool>(filter, "antialias")};
  placement.is_mirrored = attribute<bool>(axis, "is_mirrored");
  placement.is_flipped = attribute<bool>(axis, "is_flipped");
  return placement;
}

nb::object decode(const nb::bytes& source, nb::handle placement, const std::string& color_name,
                  const nb::tuple& fill) {
  const Placement placed{axis_of(placement.attr("rows")), axis_of(placement.attr("columns")),
                         attribute<bool>(placement, "is_transposed")};
  const PixelColor color = named<PixelColor>(color_name, kColorNames);
  std::vector<std::uint8_t> values;
  for (nb::handle value : fill) values.push_back(nb::cast<std::uint8_t>(value));
  const std::array<std::size_t, 3> shape = {static_cast<std::size_t>(channels_of(color)),
                                            static_cast<std::size_t>(placed.rows.length),
                                            static_cast<std::size_t>(placed.columns.length)};
  using Pixels = std::unique_ptr<std::uint8_t[]>;
  auto pixels = std::make_unique<Pixels>(
      std::make_unique_for_overwrite<std::uint8_t[]>(shape[0] * shape[1] * shape[2]));
  {
    const std::span<const unsigned char> bytes{
        static_cast<const unsigned char*>(source.data()), source.size()};
    const nb::gil_scoped_release release;
    ReadOptions options;
    options.max_pixels = std::numeric_limits<std::uint64_t>::max();
    const std::unique_ptr<BlockRows> rows = rows_of(read_coefficients(bytes, options));
    decode_integers(*rows, placed, color, values, pixels->get());
  }
  std::uint8_t* const data = pixels->get();
  const nb::capsule owner(pixels.release(), [](void* held) noexcept {
    const std::unique_ptr<Pixels> reclaimed(static_cast<Pixels*>(held));
  });
  return nb::cast(nb::ndarray<nb::numpy, std::uint8_t>(data, shape.size(), shape.data(), owner),
                  nb::rv_policy::reference);
}

}  // namespace

void bind_integer_decode(nb::module_& module) {
  module.def("decode_integers", &decode, nb::arg("source"), nb::arg("placement"),
             nb::arg("color"), nb::arg("fill"));
}

}  // namespace jpegcompile
