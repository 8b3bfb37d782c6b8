// The placement of an image in a network's input. The records are equal to those of
// jpegcompile/preprocessing/geometry.py, which explains them.
#pragma once

#include <cstdint>

namespace jpegcompile {

// Pixels along a block. The filter "dct" reduces a block to 1 to 8 pixels.
inline constexpr int64_t kDctBlock = 8;

enum class ResizeLibrary {
  kPillow, kOpenCv, kTensorFlow, kTorchvision, kOnnxRuntime, kJpegcompile
};
enum class Interpolation {
  kNearest, kNearestExact, kBox, kBilinear, kHamming, kBicubic, kLanczos, kArea, kAreaEnlarging,
  kDct, kBilinearInside, kBicubicInside, kCatmullRom, kCatmullRomInside
};

struct ResizeFilter {
  Interpolation interpolation = Interpolation::kBilinear;
  ResizeLibrary library = ResizeLibrary::kPillow;
  bool antialias = true;

  bool operator==(const ResizeFilter&) const = default;
};

// How a stored axis of an image maps to an axis of the network's input. `source` pixels of the axis,
// beginning with `offset`, are resized to `target` pixels. The outputs are [start, start + length);
// outputs outside of the resized axis show the fill.
struct AxisPlacement {
  int64_t source = 0, target = 0, start = 0, length = 0;
  ResizeFilter filter;
  bool is_mirrored = false;  // whether the axis is reversed before the resize
  bool is_flipped = false;   // whether the outputs are in reverse order
  bool is_scaled = false;    // whether to drop frequencies that hardly affect the outputs
  int64_t offset = 0;

  bool operator==(const AxisPlacement&) const = default;
  bool is_inside() const { return start >= 0 && start + length <= target; }
};

struct Placement {
  AxisPlacement rows, columns;
  bool is_transposed = false;  // whether rows of the network's input come from stored columns

  bool is_inside() const { return rows.is_inside() && columns.is_inside(); }
};

}  // namespace jpegcompile
