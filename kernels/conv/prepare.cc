// What comes before the sums, and behind them: the pixels of the input, and rows of the output.
#include <algorithm>

#include "../native/workspace.h"
#include "convolution.h"
#include "pixels.h"

namespace jpegcompile {
namespace {

constexpr int64_t kScratchFloats = int64_t{2} << 20;

// Block size of what has to be inverted before the sums.
int inverted_block(const Convolution& task) { return task.on_coefficients ? 1 : task.input_block; }

// Zeros around pixels of a group, [height][width][depth].
void clear_pads(float* pixels, int64_t height, int64_t width, int64_t depth, const Window& window) {
  const int64_t pitch = width * depth;
  std::fill_n(pixels, window.top * pitch, 0.0F);
  std::fill_n(pixels + (height - window.bottom) * pitch, window.bottom * pitch, 0.0F);
  for (int64_t row = window.top; row < height - window.bottom; ++row) {
    std::fill_n(pixels + row * pitch, window.left * depth, 0.0F);
    std::fill_n(pixels + (row + 1) * pitch - window.right * depth, window.right * depth, 0.0F);
  }
}

// The pixels of one group of one image into a plane of zeros that is large enough.
void read_group(const Convolution& task, int64_t image, int64_t group, float* plane, int64_t width,
                const Window& pads) {
  const int64_t block = inverted_block(task);
  // A few rows at a time, so that what is copied first stays near.
  const int64_t rows = std::max<int64_t>(block, 8 / block * block);
  float* copied = task.input.is_grouped
                      ? nullptr
                      : task_floats(3, static_cast<size_t>(rows * task.input.pitch()));
  for (int64_t row = 0; row < task.input.height; row += rows) {
    const int64_t count = std::min(rows, task.input.height - row);
    inverse_rows({read_rows(task.input, task.x, image, group, row, count, copied), count,
                  task.input.width, static_cast<int>(block),
                  plane + ((row + pads.top) * width + pads.left) * kLanes, width * kLanes});
  }
}

}  // namespace

int64_t images_at_once(int64_t batch, int64_t floats_each) {
  if (floats_each == 0) return std::max<int64_t>(batch, 1);
  return std::clamp<int64_t>(kScratchFloats / floats_each, 1, std::max<int64_t>(batch, 1));
}

int64_t pixel_floats(const Convolution& task, bool with_pads) {
  const Window& window = task.weights->window;
  const bool is_padded = with_pads && window.has_pads();
  const bool is_there = task.input.is_grouped && (task.on_coefficients || task.input_block == 1);
  if (is_there && !is_padded) return 0;
  const int64_t height = task.input.height + (is_padded ? window.top + window.bottom : 0);
  const int64_t width = task.input.width + (is_padded ? window.left + window.right : 0);
  return task.input.groups() * height * width * kLanes;
}

Pixels read_pixels(const Call& call, const Convolution& task, int64_t first_image, int64_t images,
                   bool with_pads, float* scratch) {
  const Window pads = with_pads ? task.weights->window : Window{};
  const int64_t height = task.input.height + pads.top + pads.bottom;
  const int64_t width = task.input.width + pads.left + pads.right;
  const int64_t floats = height * width * kLanes;
  if (pixel_floats(task, with_pads) == 0) {
    return {task.x + first_image * task.input.groups() * floats, height, width};
  }
  const int64_t groups = task.input.groups();
  call.parallel(static_cast<size_t>(images * groups), [&](size_t index) {
    const auto plane = static_cast<int64_t>(index);
    float* pixels = scratch + plane * floats;
    clear_pads(pixels, height, width, kLanes, pads);
    read_group(task, first_image + plane / groups, plane % groups, pixels, width, pads);
  });
  return {scratch, height, width};
}

Pixels read_thin_pixels(const Call& call, const Convolution& task, int64_t first_image,
                        int64_t images, float* scratch) {
  const Window& window = task.weights->window;
  const int64_t channels = task.input.channels, block = inverted_block(task);
  const int64_t height = task.input.height + window.top + window.bottom;
  const int64_t width = task.input.width + window.left + window.right;
  const int64_t strips = task.input.height / block, floats = height * width * channels;
  call.parallel(static_cast<size_t>(images), [&](size_t index) {
    clear_pads(scratch + static_cast<int64_t>(index) * floats, height, width, channels, window);
  });
  call.parallel(static_cast<size_t>(images * strips), [&](size_t index) {
    const int64_t image = static_cast<int64_t>(index) / strips;
    const int64_t row = static_cast<int64_t>(index) % strips * block;
    const int64_t strip = block * task.input.pitch();
    float* wide = task_floats(3, static_cast<size_t>(2 * strip));
    inverse_rows({read_rows(task.input, task.x, first_image + image, 0, row, block, wide), block,
                  task.input.width, static_cast<int>(block), wide + strip, task.input.pitch()});
    for (int64_t line = 0; line < block; ++line) {
      const float* from = wide + strip + line * task.input.pitch();
      float* to = scratch + image * floats +
                  ((row + line + window.top) * width + window.left) * channels;
      for (int64_t column = 0; column < task.input.width; ++column) {
        for (int64_t channel = 0; channel < channels; ++channel) {
          to[column * channels + channel] = from[column * kLanes + channel];
        }
      }
    }
  });
  return {scratch, height, width};
}

Epilogue Convolution::epilogue_of(int64_t group) const {
  Epilogue result = epilogue;
  result.bias += group * kLanes;
  if (result.slope != nullptr) result.slope += group * kLanes;
  return result;
}

bool Convolution::is_elementwise() const {
  return output_block == 1 && output.is_grouped && (residual == nullptr || residual_map.is_grouped);
}

void finish_area(const Convolution& task, const Area& area, int64_t group, const float* sums) {
  const bool is_copied =
      !task.output.is_grouped || (task.residual != nullptr && !task.residual_map.is_grouped);
  const auto floats = static_cast<size_t>(area.rows * task.output.pitch());
  float* scratch = is_copied ? task_floats(3, 2 * floats) : nullptr;
  const int64_t shift = area.column * kLanes;
  const float* residual = nullptr;
  if (task.residual != nullptr) {
    residual = read_rows(task.residual_map, task.residual, area.image, group, area.row, area.rows,
                         scratch) + shift;
  }
  float* target = rows_target(task.output, task.y, area.image, group, area.row, scratch + floats);
  finish({sums, area.columns * kLanes, task.on_coefficients, task.epilogue_of(group), residual,
          task.output.pitch(), task.output_block, area.rows, area.columns, target + shift,
          task.output.pitch()});
  write_rows(task.output, task.y, area.image, group, area.row, area.rows, target);
}

}  // namespace jpegcompile
