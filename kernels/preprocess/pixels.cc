#include "preprocess/pixels.h"

#include <algorithm>

#include "preprocess/output.h"
#include "preprocess/steps.h"
#include "work/workspace.h"

namespace jpegcompile {
PixelNumbers pixel_numbers(const NetworkNumbers& network) {
  PixelNumbers numbers(network.channels);
  for (size_t channel = 0; channel < network.channels; ++channel) {
    for (size_t pixel = 0; pixel < numbers[channel].size(); ++pixel) {
      const double value = static_cast<double>(pixel) * network.scale[channel];
      numbers[channel][pixel] = static_cast<float>(value + network.shift[channel]);
    }
  }
  return numbers;
}

void take_pixels(const uint8_t* pixels, const PixelNumbers& numbers, const NetworkNumbers& network,
                 void* out) {
  const ResultShape shape(network.size, false);
  const auto [height, width] = network.size;
  const size_t group = kGroup * shape.stride;
  Workspace workspace;
  float* const rows = workspace.floats(group + shape.stride +
                                       Output::scratch_size(shape, network));
  float* const zeros = rows + group;
  std::fill_n(rows, group + shape.stride, 0.0F);
  const Output output(shape, network, zeros + shape.stride, out);
  // The color step runs once for each channel, with that channel as its only component.
  constexpr float kWhole = 1.0F;
  ColorStep step{};
  step.components = step.channels = 1;
  step.component_rows[0] = rows;
  step.stride = shape.stride;
  step.mixing = &kWhole;
  step.constants.fill(zeros);
  step.width = width;
  step.block = network.block;
  for (int64_t first = 0; first < height; first += kGroup) {
    const int64_t count = std::min<int64_t>(kGroup, height - first);
    output.aim(step, first, count);
    const auto results = step.results;
    for (size_t channel = 0; channel < network.channels; ++channel) {
      const uint8_t* from = pixels + (static_cast<int64_t>(channel) * height + first) * width;
      for (int64_t row = 0; row < count; ++row, from += width) {
        float* const to = rows + static_cast<size_t>(row) * shape.stride;
        std::ranges::transform(from, from + width, to,
                               [&](uint8_t pixel) { return numbers[channel][pixel]; });
      }
      row_transform_step({rows, shape.stride, width, network.block});
      step.results[0] = results[channel];
      color_step(step);
    }
    output.take(first, count);
  }
  output.finish();
}

}  // namespace jpegcompile
