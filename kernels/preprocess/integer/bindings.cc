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
#include "preprocess/python_placement.h"

namespace nb = nanobind;

namespace jpegcompile {
namespace {

nb::object decode(const nb::bytes& source, nb::handle placement, const std::string& color_name,
                  const nb::tuple& fill) {
  const Placement placed = placement_of(placement);
  const PixelColor color = named<PixelColor>(nb::str(color_name.c_str()), kColorNames);
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
