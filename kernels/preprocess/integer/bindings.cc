#include "preprocess/integer/bindings.h"

#include <limits>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "jpeg/open_rows.h"
#include "jpeg/python_arrays.h"
#include "preprocess/integer/integer_decode.h"
#include "preprocess/names.h"
#include "preprocess/python_placement.h"

namespace nb = nanobind;

namespace jpegcompile {
namespace {

nb::object decode(const nb::bytes& source, nb::handle placement, const nb::str& color_name,
                  const nb::tuple& fill) {
  const Placement placed = placement_of(placement);
  const PixelColor color = named<PixelColor>(color_name, kColorNames);
  std::vector<std::uint8_t> values;
  for (nb::handle value : fill) values.push_back(nb::cast<std::uint8_t>(value));
  const auto channels = static_cast<std::size_t>(channels_of(color));
  const auto height = static_cast<std::size_t>(placed.rows.length);
  const auto width = static_cast<std::size_t>(placed.columns.length);
  auto pixels = std::make_unique_for_overwrite<std::uint8_t[]>(channels * height * width);
  {
    const std::span<const unsigned char> bytes{
        static_cast<const unsigned char*>(source.data()), source.size()};
    const nb::gil_scoped_release release;
    ReadOptions options;
    options.max_pixels = std::numeric_limits<std::uint64_t>::max();
    const std::unique_ptr<BlockRows> rows = rows_of(read_coefficients(bytes, options));
    decode_integers(*rows, placed, color, values, pixels.get());
  }
  return array_over(std::move(pixels), {channels, height, width});
}

}  // namespace

void bind_integer_decode(nb::module_& module) {
  module.def("decode_integers", &decode, nb::arg("source"), nb::arg("placement"),
             nb::arg("color"), nb::arg("fill"));
}

}  // namespace jpegcompile
