#include "preprocess/geometry.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace jpegcompile {
namespace {

double ratio(int64_t dividend, int64_t divisor) {
  return static_cast<double>(dividend) / static_cast<double>(divisor);
}

// Halves go to the even neighbour, as in Python and NumPy.
int64_t rounded(double value) {
  const double below = std::floor(value), rest = value - below;
  const bool is_even = std::fmod(below, 2.0) == 0.0;
  return static_cast<int64_t>(rest < 0.5 || (rest == 0.5 && is_even) ? below : below + 1.0);
}

// As torchvision's Resize, which rounds the long side down.
Size with_short_side(Size image, int64_t side) {
  if (image.width <= image.height) {
    return {static_cast<int64_t>(ratio(side * image.height, image.width)), side};
  }
  return {side, static_cast<int64_t>(ratio(side * image.width, image.height))};
}

// The smallest size of the same aspect ratio that has both sides.
Size covering(Size image, Size least) {
  const double scale =
      std::max(ratio(least.height, image.height), ratio(least.width, image.width));
  const auto side = [scale](int64_t wanted, int64_t given) {
    return std::max(wanted, static_cast<int64_t>(static_cast<double>(given) * scale));
  };
  return {side(least.height, image.height), side(least.width, image.width)};
}

// As Pillow's ImageOps.contain.
Size contained(Size image, Size most) {
  const int64_t wide = image.width * most.height, high = image.height * most.width;
  const auto side = [](double aspect, int64_t other) {
    return std::max<int64_t>(1, rounded(aspect * static_cast<double>(other)));
  };
  if (wide > high) return {side(ratio(image.height, image.width), most.width), most.width};
  if (wide < high) return {most.height, side(ratio(image.width, image.height), most.height)};
  return most;
}

int64_t middle(int64_t spare, CropRounding rounding) {
  // torchvision pads first, with the smaller half before the image.
  if (spare < 0) return -(-spare / 2);
  const int64_t half = spare / 2;
  return rounding == CropRounding::kEven && spare % 2 == 1 && half % 2 == 1 ? half + 1 : half;
}

Size start_of(const Crop& crop, Size image, Size network) {
  const Size spare{image.height - network.height, image.width - network.width};
  switch (crop.position) {
    case CropPosition::kGiven:
      return {crop.top, crop.left};
    case CropPosition::kTopLeft:
      return {0, 0};
    case CropPosition::kTopRight:
      return {0, spare.width};
    case CropPosition::kBottomLeft:
      return {spare.height, 0};
    case CropPosition::kBottomRight:
      return spare;
    case CropPosition::kCenter:
      break;
  }
  return {middle(spare.height, crop.rounding), middle(spare.width, crop.rounding)};
}

// Whether the displayed image is the stored one with rows and columns exchanged, and which of the
// stored axes run backwards (Exif 2.32, 4.6.4, tag 0x0112).
struct Orientation {
  bool is_exchanged, rows_run_back, columns_run_back;
};
constexpr std::array<Orientation, 8> kOrientations = {{
    {false, false, false},
    {false, false, true},
    {false, true, true},
    {false, true, false},
    {true, false, false},
    {true, true, false},
    {true, true, true},
    {true, false, true},
}};

}  // namespace

Size Resize::size_of(Size image, Size network) const {
  if (fit == Fit::kExact) return size.value_or(network);
  if (fit == Fit::kPad) return contained(image, size.value_or(network));
  if (short_side.has_value()) return with_short_side(image, *short_side);
  const auto before_crop = [this](int64_t side) {
    return static_cast<int64_t>(std::floor(static_cast<double>(side) / crop_ratio));
  };
  const Size sides{before_crop(network.height), before_crop(network.width)};
  return sides.height == sides.width ? with_short_side(image, sides.height)
                                     : covering(image, sides);
}

// OpenCV's "area" is a mean only where neither axis grows.
ResizeFilter Resize::filter_where(bool grows) const {
  ResizeFilter chosen = filter;
  if (grows && filter.library == ResizeLibrary::kOpenCv &&
      filter.interpolation == Interpolation::kArea) {
    chosen.interpolation = Interpolation::kAreaEnlarging;
  }
  return chosen;
}

std::optional<Placement> place(const Geometry& geometry, Size image, int orientation,
                               Size network) {
  const Orientation& turned = kOrientations.at(
      geometry.applies_orientation ? static_cast<size_t>(orientation - 1) : 0);
  bool rows_run_back = turned.rows_run_back, columns_run_back = turned.columns_run_back;
  if (turned.is_exchanged) {
    std::swap(image.height, image.width);
    std::swap(rows_run_back, columns_run_back);
  }
  Size resized = image;
  ResizeFilter filter;
  if (geometry.resize.has_value()) {
    resized = geometry.resize->size_of(image, network);
    const bool grows = resized.height > image.height || resized.width > image.width;
    filter = geometry.resize->filter_where(grows);
    if (std::min(resized.height, resized.width) < 1) return std::nullopt;
  }
  std::optional<Crop> crop = geometry.crop;
  if (!crop.has_value() && geometry.resize.has_value() && geometry.resize->fit == Fit::kPad) {
    crop.emplace().rounding = CropRounding::kDown;
  }
  if (!crop.has_value() && resized != network) return std::nullopt;
  const Size start = crop.has_value() ? start_of(*crop, resized, network) : Size{};
  return Placement{
      {image.height, resized.height, start.height, network.height, filter, rows_run_back, false},
      {image.width, resized.width, start.width, network.width, filter, columns_run_back,
       geometry.flip},
      turned.is_exchanged};
}

}  // namespace jpegcompile
