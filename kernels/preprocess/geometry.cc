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

// Rounds halves to even, as Python and NumPy do.
int64_t rounded(double value) {
  const double below = std::floor(value), rest = value - below;
  const bool is_even = std::fmod(below, 2.0) == 0.0;
  return static_cast<int64_t>(rest < 0.5 || (rest == 0.5 && is_even) ? below : below + 1.0);
}

// Like torchvision's Resize, which rounds the long side down.
Size with_short_side(Size image, int64_t side) {
  if (image.width <= image.height) {
    return {static_cast<int64_t>(ratio(side * image.height, image.width)), side};
  }
  return {side, static_cast<int64_t>(ratio(side * image.width, image.height))};
}

// Like timm's ResizeKeepRatio: the image covers `size`, or fits into it.
Size scaled(Size image, Size size, bool covers) {
  const double down = ratio(image.height, size.height), across = ratio(image.width, size.width);
  const double shrink = covers ? std::min(down, across) : std::max(down, across);
  return {rounded(static_cast<double>(image.height) / shrink),
          rounded(static_cast<double>(image.width) / shrink)};
}

// Like Pillow's ImageOps.contain.
Size contained(Size image, Size most) {
  const double aspect = ratio(image.width, image.height), wanted = ratio(most.width, most.height);
  const auto side = [](double shape, int64_t other) {
    return rounded(shape * static_cast<double>(other));
  };
  if (aspect > wanted) return {side(ratio(image.height, image.width), most.width), most.width};
  if (aspect < wanted) return {most.height, side(aspect, most.height)};
  return most;
}

int64_t middle(int64_t spare, CropRounding rounding) {
  // If padding is odd, the smaller half is before the image.
  if (spare < 0) return -(-spare / 2);
  const int64_t half = spare / 2;
  return rounding == CropRounding::kEven && spare % 2 == 1 && half % 2 == 1 ? half + 1 : half;
}

Size start_of(const Crop& crop, Size spare) {
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

// Returns where the network's crop begins in the resized image, before mirroring. Returns nothing
// if there is no crop and the sizes differ.
std::optional<Size> start_of(const Geometry& geometry, Size image, Size network) {
  const Size spare{image.height - network.height, image.width - network.width};
  Size start;
  if (geometry.crop.has_value()) {
    start = start_of(*geometry.crop, spare);
  } else if (geometry.resize.has_value() && geometry.resize->fit == Fit::kPad) {
    start = {rounded(ratio(spare.height, 2)), rounded(ratio(spare.width, 2))};
  } else if (image != network) {
    return std::nullopt;
  }
  if (geometry.mirror) start.width = spare.width - start.width;
  return start;
}

// How the displayed image results from the stored image: whether rows and columns are exchanged,
// and which stored axes are reversed (Exif 2.32, 4.6.4, tag 0x0112).
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

constexpr size_t kFiveViews = 5;

// Like Resize.is_possible in jpegcompile/preprocessing/steps.py.
bool is_possible(const ResizeFilter& filter, Size image, Size resized) {
  if (filter.interpolation != Interpolation::kDct) return true;
  const auto is_whole = [](int64_t from, int64_t to) {
    return kDctBlock * to % from == 0 && to <= from;
  };
  return is_whole(image.height, resized.height) && is_whole(image.width, resized.width);
}

}  // namespace

Size Resize::size_of(Size image, Size network) const {
  if (short_side.has_value()) return with_short_side(image, *short_side);
  const auto before_crop = [this](int64_t side) {
    return static_cast<int64_t>(std::floor(static_cast<double>(side) / crop_ratio));
  };
  const Size wanted =
      size.value_or(Size{before_crop(network.height), before_crop(network.width)});
  if (fit == Fit::kExact) return wanted;
  if (fit == Fit::kPad) return contained(image, wanted);
  if (fit == Fit::kShort && wanted.height == wanted.width) {
    return with_short_side(image, wanted.height);
  }
  return scaled(image, wanted, fit == Fit::kShort);
}

// OpenCV's "area" is a mean only if neither axis grows.
ResizeFilter Resize::filter_where(bool grows) const {
  ResizeFilter chosen = filter;
  if (grows && filter.library == ResizeLibrary::kOpenCv &&
      filter.interpolation == Interpolation::kArea) {
    chosen.interpolation = Interpolation::kAreaEnlarging;
  }
  return chosen;
}

std::vector<Geometry> each_view(const Geometry& geometry) {
  if (geometry.views == Views::kOne) return {geometry};
  std::vector<Geometry> views;
  for (const CropPosition corner :
       {CropPosition::kTopLeft, CropPosition::kTopRight, CropPosition::kBottomLeft,
        CropPosition::kBottomRight, CropPosition::kCenter}) {
    Geometry& view = views.emplace_back(geometry);
    view.views = Views::kOne;
    view.crop = geometry.crop.value_or(Crop{});
    view.crop->position = corner;
  }
  if (geometry.views == Views::kFive) return views;
  for (size_t index = 0; index < kFiveViews; ++index) {
    Geometry mirrored = views[index];
    mirrored.mirror = !mirrored.mirror;
    views.push_back(mirrored);
  }
  return views;
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
  const bool is_scaled = geometry.resize.has_value() && geometry.resize->scaled_decoding;
  if (geometry.resize.has_value()) {
    resized = geometry.resize->size_of(image, network);
    const bool grows = resized.height > image.height || resized.width > image.width;
    filter = geometry.resize->filter_where(grows);
    if (std::min(resized.height, resized.width) < 1) return std::nullopt;
    if (!is_possible(filter, image, resized)) return std::nullopt;
  }
  const std::optional<Size> start = start_of(geometry, resized, network);
  if (!start.has_value()) return std::nullopt;
  return Placement{
      {image.height, resized.height, start->height, network.height, filter, rows_run_back, false,
       is_scaled},
      {image.width, resized.width, start->width, network.width, filter, columns_run_back,
       geometry.flip != geometry.mirror, is_scaled},
      turned.is_exchanged};
}

}  // namespace jpegcompile
