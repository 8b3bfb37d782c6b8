#include "learning/bindings.h"

#include <nanobind/stl/array.h>
#include <nanobind/stl/string_view.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "learning/tiles.h"

namespace nb = nanobind;

namespace jpegcompile {
namespace {

std::optional<TileStep> step_of(std::string_view name) {
  constexpr std::array<std::string_view, 5> kNames = {"forward", "inverse", "project", "relu",
                                                      "masked"};
  for (std::size_t index = 0; index < kNames.size(); ++index) {
    if (kNames[index] == name) return static_cast<TileStep>(index);
  }
  return std::nullopt;
}

// PyTorch's tensors arrive as addresses: the conversion by DLPack takes longer than a small map.
void run(std::string_view step, std::uintptr_t from, std::uintptr_t to, std::uintptr_t mask,
         std::array<std::int64_t, 4> shape, bool is_channels_last, int block, int frequencies,
         float slope, std::size_t threads, std::uintptr_t team) {
  const std::optional<TileStep> known = step_of(step);
  if (!known.has_value()) throw nb::value_error("unknown step");
  const auto [batch, channels, height, width] = shape;
  TileWork work;
  work.step = *known;
  work.from = reinterpret_cast<const float*>(from);
  work.to = reinterpret_cast<float*>(to);
  work.mask = reinterpret_cast<std::uint8_t*>(mask);
  work.images = batch;
  work.channels = channels;
  work.height = height;
  work.width = width;
  work.is_channels_last = is_channels_last;
  work.block = block;
  work.frequencies = frequencies;
  work.slope = slope;
  const nb::gil_scoped_release release;
  run_tiles(work, threads, reinterpret_cast<Team>(team));
}

}  // namespace

void bind_learning(nb::module_& module) {
  module.def("run_tiles", &run, nb::arg("step"), nb::arg("source"), nb::arg("target"),
             nb::arg("mask"), nb::arg("shape"), nb::arg("is_channels_last"), nb::arg("block"),
             nb::arg("frequencies"), nb::arg("slope"), nb::arg("threads"), nb::arg("team"));
}

}  // namespace jpegcompile
