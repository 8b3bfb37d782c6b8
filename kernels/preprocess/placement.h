// Where an image of any size comes to stand in a network's input; the same records as in
// jpegcompile/preprocessing/geometry.py, which explains them.
#pragma once

#include <cstdint>

namespace jpegcompile {

// Pixels along a block, of which the filter "dct" makes 1 to 8.
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

// One stored axis of an image, on its way to an axis of the network's input: resized from `source`
// to `target` pixels, of which [start, start + length) are shown, and the fill outside of the image.
struct AxisPlacement {
  int64_t source = 0, target = 0, start = 0, length = 0;
  ResizeFilter filter;
  bool is_mirrored = false;  // read from its end: resizing begins there
  bool is_flipped = false;   // the outputs stand in reverse order
  bool is_scaled = false;    // frequencies that hardly reach the outputs are dropped

  bool operator==(const AxisPlacement&) const = default;
  bool is_inside() const { return start >= 0 && start + length <= target; }
};

struct Placement {
  AxisPlacement rows, columns;
  bool is_transposed = false;  // the rows of the network's input are made of stored columns

  bool is_inside() const { return rows.is_inside() && columns.is_inside(); }
};

}  // namespace jpegcompile
