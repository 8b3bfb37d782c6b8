// How an image of any size comes to a network's size; the same steps and numbers as in
// jpegcompile/preprocessing/{steps,geometry}.py, which explain them.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "preprocess/placement.h"

namespace jpegcompile {

struct Size {
  int64_t height = 0, width = 0;

  bool operator==(const Size&) const = default;
};

enum class Fit { kShort, kLong, kExact, kPad };

struct Resize {
  Fit fit = Fit::kShort;
  std::optional<int64_t> short_side;  // of kShort alone
  std::optional<Size> size;           // where neither is given, the network's by `crop_ratio`
  double crop_ratio = 1.0;
  ResizeFilter filter;
  bool scaled_decoding = false;  // drops frequencies that hardly reach the result

  // What an image is brought to for a network.
  Size size_of(Size image, Size network) const;
  // The filter of both axes of an image, one of which grows or none.
  ResizeFilter filter_where(bool grows) const;
};

enum class CropPosition { kCenter, kTopLeft, kTopRight, kBottomLeft, kBottomRight, kGiven };
enum class CropRounding { kEven, kDown };

struct Crop {
  CropPosition position = CropPosition::kCenter;
  int64_t top = 0, left = 0;  // of kGiven alone
  CropRounding rounding = CropRounding::kEven;
};

enum class Views { kOne, kFive, kTen };

struct Geometry {
  std::optional<Resize> resize;
  std::optional<Crop> crop;
  bool applies_orientation = false;
  bool mirror = false;  // before the crop
  bool flip = false;
  Views views = Views::kOne;
};

// The geometry of each view: one of them each.
std::vector<Geometry> each_view(const Geometry& geometry);

// Where an image with an EXIF orientation from 1 to 8 comes to stand in a view. Nothing where it
// does not come to the network's size, or would be resized to less than a pixel.
std::optional<Placement> place(const Geometry& geometry, Size image, int orientation, Size network);

}  // namespace jpegcompile
