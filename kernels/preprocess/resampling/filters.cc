#include "preprocess/resampling/filters.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <stdexcept>
#include <string>

#include "preprocess/names.h"
#include "preprocess/resampling/resampler.h"

namespace jpegcompile {
namespace {

struct Library {
  Resampler resampler;
  std::initializer_list<Interpolation> interpolations;
};

// In the order of ResizeLibrary.
const Library& library_of(const ResizeFilter& filter) {
  using enum Interpolation;
  static const std::array<Library, 6> libraries = {{
      {resample_as_pillow, {kNearest, kBox, kBilinear, kHamming, kBicubic, kLanczos}},
      {resample_as_opencv, {kNearest, kBilinear, kBicubic, kLanczos, kArea, kAreaEnlarging}},
      {resample_as_tensorflow, {kNearest, kBilinear, kBicubic, kArea}},
      {resample_as_torchvision, {kNearest, kNearestExact, kBilinear, kBicubic}},
      {resample_as_onnxruntime,
       {kBilinear, kBilinearInside, kBicubic, kBicubicInside, kCatmullRom, kCatmullRomInside}},
      {resample_by_low_frequencies, {kDct}},
  }};
  return libraries.at(static_cast<size_t>(filter.library));
}

}  // namespace

void check_filter(const ResizeFilter& filter) {
  const auto& names = library_of(filter).interpolations;
  if (std::ranges::find(names, filter.interpolation) == names.end()) {
    const auto library = kLibraryNames.at(static_cast<size_t>(filter.library));
    const auto name = kInterpolationNames.at(static_cast<size_t>(filter.interpolation));
    throw std::invalid_argument("library " + std::string(library) + " has no resize filter " +
                                std::string(name));
  }
}

AxisTaps taps_of(const AxisPlacement& axis) {
  const int64_t end = axis.start + axis.length;
  // The outputs that show the image; outputs before and after them show the fill.
  const Shown shown{std::clamp<int64_t>(0, axis.start, end),
                    std::clamp<int64_t>(axis.target, axis.start, end)};
  AxisTaps taps;
  taps.reserve(static_cast<size_t>(axis.length), static_cast<size_t>(axis.length) * 4);
  for (int64_t output = axis.start; output < shown.first; ++output) taps.add_fill();
  if (axis.source == axis.target) {
    for (int64_t output = shown.first; output < shown.last; ++output) {
      taps.add_one(output, axis.source);
    }
  } else if (shown.first < shown.last) {
    library_of(axis.filter).resampler(axis, shown, taps);
  }
  for (int64_t output = shown.last; output < end; ++output) taps.add_fill();
  if (axis.is_mirrored) taps.reverse_inputs(axis.source);
  taps.shift_inputs(axis.offset);
  if (axis.is_flipped) taps.reverse_outputs();
  return taps;
}

}  // namespace jpegcompile
