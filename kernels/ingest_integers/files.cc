#include "ingest_integers/files.h"

#include <algorithm>
#include <new>
#include <string>

namespace jpegcompile {
namespace {

// The numbers of the input `frame`, in its order.
enum FrameNumber {
  kHeight, kWidth, kOrientation, kSpace, kLumaAcross, kLumaDown, kChromaAcross, kChromaDown,
  kNumbers
};

// Limits of the JPEG format.
constexpr int64_t kMaxPixels = 65535, kMaxFactor = 4;

int64_t number_of(const FileTensors& tensors, FrameNumber number) {
  return tensors.frame.as<int64_t>()[number];
}

bool has_color(const FileTensors& tensors) { return number_of(tensors, kSpace) != 0; }

void require_frame(const FileTensors& tensors) {
  if (tensors.frame.shape.elements() != kNumbers) {
    throw KernelError("frame has shape " + tensors.frame.shape.text() + ", not [8]");
  }
  const auto require = [&](FrameNumber number, int64_t least, int64_t most, const char* name) {
    const int64_t value = number_of(tensors, number);
    if (value >= least && value <= most) return;
    throw KernelError("frame has " + std::to_string(value) + " for " + name + "; it must be " +
                      std::to_string(least) + " to " + std::to_string(most));
  };
  require(kHeight, 1, kMaxPixels, "the height");
  require(kWidth, 1, kMaxPixels, "the width");
  require(kOrientation, 1, 8, "the orientation");
  require(kSpace, 0, 2, "the color space");
  for (int number = kLumaAcross; number < kNumbers; ++number) {
    require(static_cast<FrameNumber>(number), 1, kMaxFactor, "a sampling factor");
  }
}

Component component_of(const FileTensors& tensors, const Image& image, bool is_chroma) {
  const auto factor = [&](FrameNumber luma, FrameNumber chroma) {
    return static_cast<int>(number_of(tensors, is_chroma ? chroma : luma));
  };
  const auto most = [&](FrameNumber luma, FrameNumber chroma) {
    const int64_t of_luma = number_of(tensors, luma);
    return has_color(tensors) ? std::max(of_luma, number_of(tensors, chroma)) : of_luma;
  };
  const auto blocks = [](int64_t pixels, int64_t own, int64_t largest) {
    const int64_t samples = (pixels * own + largest - 1) / largest;
    return static_cast<size_t>((samples + 7) / 8);
  };
  Component component;
  component.horizontal_factor = factor(kLumaAcross, kChromaAcross);
  component.vertical_factor = factor(kLumaDown, kChromaDown);
  component.block_rows =
      blocks(image.height, component.vertical_factor, most(kLumaDown, kChromaDown));
  component.block_columns =
      blocks(image.width, component.horizontal_factor, most(kLumaAcross, kChromaAcross));
  return component;
}

// Returns what the headers of the files contain.
Image frame_of(const FileTensors& tensors) {
  constexpr ColorSpace kSpaces[] = {ColorSpace::gray, ColorSpace::ycbcr, ColorSpace::rgb};
  Image image;
  image.height = static_cast<uint32_t>(number_of(tensors, kHeight));
  image.width = static_cast<uint32_t>(number_of(tensors, kWidth));
  image.orientation = static_cast<int>(number_of(tensors, kOrientation));
  image.color_space = kSpaces[number_of(tensors, kSpace)];
  for (int index = 0; index < (has_color(tensors) ? 3 : 1); ++index) {
    image.components.push_back(component_of(tensors, image, index > 0));
  }
  return image;
}

void require_plane(const Tensor& plane, const char* name, int64_t batch, int64_t count,
                   const Component& component) {
  const Shape expected{batch, count, static_cast<int64_t>(component.block_rows),
                       static_cast<int64_t>(component.block_columns), 8, 8};
  if (plane.shape.text() == expected.text()) return;
  throw KernelError(std::string(name) + " has shape " + plane.shape.text() +
                    ", but files with this frame have " + expected.text());
}

}  // namespace

FileTensors file_tensors(const Call& call) {
  FileTensors tensors;
  tensors.luma = call.input(In::kLuma);
  tensors.quantization = call.input(In::kQuantization);
  tensors.frame = call.input(In::kFrame);
  require_frame(tensors);
  const Image frame = frame_of(tensors);
  const int64_t batch = tensors.luma.shape.rank() > 0 ? tensors.luma.shape[0] : 0;
  require_plane(tensors.luma, "luma", batch, 1, frame.components.front());
  if (has_color(tensors)) {
    tensors.chroma = call.input(In::kChroma);
    require_plane(tensors.chroma, "chroma", batch, 2, frame.components.back());
  }
  const auto components = static_cast<int64_t>(frame.components.size());
  const Shape expected{batch, components, 8, 8};
  if (tensors.quantization.shape.text() != expected.text()) {
    throw KernelError("quantization has shape " + tensors.quantization.shape.text() +
                      ", but files with this frame have " + expected.text());
  }
  return tensors;
}

Image image_of(const FileTensors& tensors, int64_t index) {
  Image image = frame_of(tensors);
  const auto tables = static_cast<int64_t>(image.components.size());
  for (int64_t number = 0; number < tables; ++number) {
    Component& component = image.components[static_cast<size_t>(number)];
    const size_t count =
        component.block_rows * component.block_columns * block_coefficients;
    component.coefficients = allocate_zeroed(count * sizeof(int16_t));
    if (component.coefficients == nullptr) throw std::bad_alloc();
    const Tensor& plane = number == 0 ? tensors.luma : tensors.chroma;
    const int64_t place = number == 0 ? index : 2 * index + number - 1;
    std::copy_n(plane.as<int16_t>() + place * static_cast<int64_t>(count), count,
                component.coefficients.get());
    std::copy_n(tensors.quantization.as<uint16_t>() + (index * tables + number) * 64, 64,
                component.quantization.begin());
  }
  return image;
}

}  // namespace jpegcompile
