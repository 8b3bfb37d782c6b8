// Geometric preprocessing: how an image of any size is resized and cropped to a network's size.
// Steps and numbers are equal to jpegcompile/preprocessing/{steps,geometry}.py, which explain them.
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
  std::optional<int64_t> short_side;  // only for kShort
  std::optional<Size> size;  // without `short_side` and `size`: the network's size / `crop_ratio`
  double crop_ratio = 1.0;
  ResizeFilter filter;
  bool scaled_decoding = false;  // whether to drop frequencies that hardly affect the result

  // Returns the size of an image after this resize.
  Size size_of(Size image, Size network) const;
  // Returns the filter for both axes of an image. `grows` tells whether the resize enlarges at
  // least one axis.
  ResizeFilter filter_where(bool grows) const;
};

enum class CropPosition { kCenter, kTopLeft, kTopRight, kBottomLeft, kBottomRight, kGiven };
enum class CropRounding { kEven, kDown };

struct Crop {
  CropPosition position = CropPosition::kCenter;
  int64_t top = 0, left = 0;  // only for kGiven
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

// Returns one geometry for each view.
std::vector<Geometry> each_view(const Geometry& geometry);

// Returns the placement of an image in a view. `orientation` is the EXIF orientation, 1 to 8.
// Returns nothing if the result does not have the network's size, or if the resize would produce
// less than one pixel.
std::optional<Placement> place(const Geometry& geometry, Size image, int orientation, Size network);

}  // namespace jpegcompile
