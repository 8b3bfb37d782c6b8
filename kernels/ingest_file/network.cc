#include "ingest_file/network.h"

#include <string>
#include <vector>

#include "preprocess/names.h"
#include "tiles/number_text.h"

namespace jpegcompile {
namespace {

// Limit of the JPEG format.
constexpr int64_t kMaxPixels = 65535;
constexpr double kLeastRatio = 1e-6;

// The attributes come from the compiler.
[[noreturn]] void refuse(const std::string& cause) {
  throw KernelError(cause + "; compile the model again");
}

template <typename Enum, size_t kCount>
Enum named(const Node& node, const char* attribute,
           const std::array<std::string_view, kCount>& names) {
  const std::string text = node.text(attribute);
  const std::optional<Enum> value = value_of<Enum>(text, names);
  if (!value.has_value()) {
    std::string known;
    for (const std::string_view one : names) {
      known += (known.empty() ? "" : ", ") + std::string(one);
    }
    refuse("attribute " + std::string(attribute) + " is '" + text + "'; it must be one of " +
           known);
  }
  return *value;
}

int64_t extent(const Node& node, const char* attribute) {
  const int64_t value = node.integer(attribute);
  if (value < 1 || value > kMaxPixels) {
    refuse("attribute " + std::string(attribute) + " is " + std::to_string(value) +
           "; it must be 1 to 65535 pixels");
  }
  return value;
}

int64_t place_of(const Node& node, const char* attribute) {
  const int64_t value = node.integer(attribute);
  if (value < -kMaxPixels || value > kMaxPixels) {
    refuse("attribute " + std::string(attribute) + " is " + std::to_string(value) +
           "; a crop must begin at -65535 to 65535");
  }
  return value;
}

double ratio(const Node& node) {
  const std::string text = node.text("crop_ratio");
  const double value = decimal<double>(text).value_or(0.0);
  if (!(value >= kLeastRatio && value <= 1.0)) {
    refuse("attribute crop_ratio is '" + text + "'; it must be 1e-6 to 1");
  }
  return value;
}

std::optional<Resize> resize_of(const Node& node) {
  if (node.text("fit").empty()) return std::nullopt;
  Resize resize;
  resize.fit = named<Fit>(node, "fit", kFitNames);
  resize.crop_ratio = ratio(node);
  resize.filter = {named<Interpolation>(node, "filter", kInterpolationNames),
                   named<ResizeLibrary>(node, "library", kLibraryNames),
                   node.integer("antialias") != 0};
  resize.scaled_decoding = node.integer("scaled_decoding") != 0;
  if (node.integer("short_side") != 0) resize.short_side = extent(node, "short_side");
  if (node.integer("resized_height") != 0) {
    resize.size = Size{extent(node, "resized_height"), extent(node, "resized_width")};
  }
  return resize;
}

std::optional<Crop> crop_of(const Node& node) {
  const std::string position = node.text("crop");
  if (position.empty()) return std::nullopt;
  Crop crop;
  crop.rounding = named<CropRounding>(node, "rounding", kRoundingNames);
  if (position == "given") {
    crop.position = CropPosition::kGiven;
    crop.top = place_of(node, "top");
    crop.left = place_of(node, "left");
  } else {
    crop.position = named<CropPosition>(node, "crop", kCropPositionNames);
  }
  return crop;
}

Tensor constant(const Node& node, In input) {
  const std::optional<Tensor> tensor = node.constant(input);
  if (!tensor.has_value()) {
    refuse("input " + std::string(name_of(input)) +
           " is computed; color and normalization must be constants of the model");
  }
  return *tensor;
}

std::vector<double> numbers(const Node& node, In input, size_t count) {
  const Tensor tensor = constant(node, input);
  if (static_cast<size_t>(tensor.shape.elements()) != count) {
    refuse("input " + std::string(name_of(input)) + " has shape " + tensor.shape.text() +
           "; it must have " + std::to_string(count) + " elements");
  }
  const float* values = tensor.floats();
  return {values, values + count};
}

// The same limit as in read_coefficients.
constexpr uint64_t kMaxImagePixels = uint64_t{1} << 28;

}  // namespace

PreprocessOptions options_of(const Node& node) {
  PreprocessOptions options;
  options.max_pixels = kMaxImagePixels;
  const std::string decoder = node.text("decoder");
  if (decoder == "libjpeg-turbo") {
    options.integers = named<PixelColor>(node, "color", kColorNames);
  } else if (decoder != "float") {
    refuse("attribute decoder is '" + decoder + "'; it must be one of float, libjpeg-turbo");
  }
  return options;
}

NetworkNumbers network_of(const Node& node) {
  NetworkNumbers network;
  network.size = {extent(node, "height"), extent(node, "width")};
  network.block = node.block("block");
  if (network.size.height % network.block != 0 || network.size.width % network.block != 0) {
    refuse("block size " + std::to_string(network.block) + " does not divide " +
           std::to_string(network.size.width) + "x" + std::to_string(network.size.height));
  }
  network.geometry.resize = resize_of(node);
  network.geometry.crop = crop_of(node);
  network.geometry.applies_orientation = node.integer("orientation") != 0;
  network.geometry.mirror = node.integer("mirror") != 0;
  network.geometry.flip = node.integer("flip") != 0;
  network.geometry.views = named<Views>(node, "views", kViewsNames);
  const size_t channels = static_cast<size_t>(constant(node, In::kScale).shape.elements());
  if (channels != 1 && channels != 3) {
    refuse("input scale has " + std::to_string(channels) + " elements; it must have 1 or 3");
  }
  network.channels = channels;
  network.mixing = {numbers(node, In::kGrayMixing, channels),
                    numbers(node, In::kYcbcrMixing, 3 * channels),
                    numbers(node, In::kRgbMixing, 3 * channels)};
  network.scale = numbers(node, In::kScale, channels);
  network.shift = numbers(node, In::kShift, channels);
  network.fill = numbers(node, In::kFill, channels);
  return network;
}

}  // namespace jpegcompile
