// Names of enumerators in Python and in operator attributes, in the order of the enumerators.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "preprocess/geometry.h"

namespace jpegcompile {

inline constexpr std::array<std::string_view, 6> kLibraryNames = {
    "pillow", "opencv", "tensorflow", "torchvision", "onnxruntime", "jpegcompile"};
inline constexpr std::array<std::string_view, 14> kInterpolationNames = {
    "nearest",         "nearest-exact",  "box",         "bilinear",       "hamming",
    "bicubic",         "lanczos",        "area",        "area-enlarging", "dct",
    "bilinear-inside", "bicubic-inside", "catmull-rom", "catmull-rom-inside"};
inline constexpr std::array<std::string_view, 4> kFitNames = {"short", "long", "exact", "pad"};
inline constexpr std::array<std::string_view, 5> kCropPositionNames = {
    "center", "top-left", "top-right", "bottom-left", "bottom-right"};
inline constexpr std::array<std::string_view, 3> kColorNames = {"RGB", "BGR", "L"};  // PixelColor
inline constexpr std::array<std::string_view, 3> kViewsNames = {"one", "five", "ten"};
inline constexpr std::array<std::string_view, 2> kRoundingNames = {"even", "down"};

// Returns the enumerator with this name, or nothing for an unknown name.
template <typename Enum, size_t kCount>
std::optional<Enum> value_of(std::string_view name,
                             const std::array<std::string_view, kCount>& names) {
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) return std::nullopt;
  return static_cast<Enum>(found - names.begin());
}

}  // namespace jpegcompile
