// Converts placements of Python, `AxisPlacement` and `Placement` of
// jpegcompile/preprocessing/geometry.py.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include <array>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "preprocess/names.h"
#include "preprocess/placement.h"

namespace jpegcompile {

// Throws std::invalid_argument, in Python ValueError, for a name that is not in `names`.
template <typename Enum, size_t kCount>
Enum named(nanobind::handle object, const std::array<std::string_view, kCount>& names) {
  const auto name = nanobind::cast<std::string>(object);
  const std::optional<Enum> value = value_of<Enum>(name, names);
  if (!value.has_value()) throw std::invalid_argument("unknown name '" + name + "'");
  return *value;
}

inline ResizeFilter filter_of(nanobind::handle given) {
  return {named<Interpolation>(given.attr("name"), kInterpolationNames),
          named<ResizeLibrary>(given.attr("library"), kLibraryNames),
          nanobind::cast<bool>(given.attr("antialias"))};
}

inline AxisPlacement axis_of(nanobind::handle given) {
  const auto number = [given](const char* name) {
    return nanobind::cast<int64_t>(given.attr(name));
  };
  const auto flag = [given](const char* name) { return nanobind::cast<bool>(given.attr(name)); };
  AxisPlacement axis;
  axis.source = number("source");
  axis.target = number("target");
  axis.start = number("start");
  axis.length = number("length");
  axis.filter = filter_of(given.attr("filter"));
  axis.is_mirrored = flag("is_mirrored");
  axis.is_flipped = flag("is_flipped");
  axis.is_scaled = flag("is_scaled");
  axis.offset = number("offset");
  return axis;
}

inline Placement placement_of(nanobind::handle given) {
  return {axis_of(given.attr("rows")), axis_of(given.attr("columns")),
          nanobind::cast<bool>(given.attr("is_transposed"))};
}

}  // namespace jpegcompile
