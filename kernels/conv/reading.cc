// Reading the pixels of the input, with zeros around them.
#include <algorithm>

#include "conv/convolution.h"
#include "tiles/tiles.h"
#include "work/strips.h"
#include "work/workspace.h"

namespace jpegcompile {
namespace {

// With at least this number of planes, a task reads whole planes; otherwise it reads a part of a
// plane.
constexpr int64_t kManyPlanes = 8;
// Rows copied at a time, so that they stay in cache.
constexpr int64_t kNearRows = 8;

// Block size of input tiles that must be inverted before summing; 1 if none.
int inverted_block(const Convolution& task) { return task.on_coefficients ? 1 : task.input_block; }

}  // namespace

int64_t pixel_floats(const Convolution& task, bool with_pads) {
  const Window& window = task.weights->window;
  const bool is_padded = with_pads && window.has_pads();
  const bool is_there = task.input.is_grouped && inverted_block(task) == 1;
  if (is_there && !is_padded) return 0;
  const int64_t height = task.input.height + (is_padded ? window.top + window.bottom : 0);
  const int64_t width = task.input.width + (is_padded ? window.left + window.right : 0);
  return task.input.groups() * height * width * kLanes;
}

int64_t thin_pixel_floats(const Convolution& task) {
  const Window& window = task.weights->window;
  return (task.input.height + window.top + window.bottom) *
         (task.input.width + window.left + window.right) * task.input.channels;
}

Reading Reading::of(const Convolution& task, int64_t first_image, int64_t images, bool with_pads,
                    Order order, float* scratch) {
  Reading reading(task, first_image, scratch);
  reading.order_ = order;
  reading.images_ = images;
  reading.groups_ = task.input.groups();
  if (with_pads) reading.pads_ = task.weights->window;
  reading.pixels.height = task.input.height + reading.pads_.top + reading.pads_.bottom;
  reading.pixels.width = task.input.width + reading.pads_.left + reading.pads_.right;
  const int64_t planes = images * task.input.groups();
  if (pixel_floats(task, with_pads) == 0) {
    reading.pixels.data =
        task.x + first_image * task.input.groups() * reading.pixels.group_floats();
    return reading;
  }
  reading.pixels.data = scratch;
  const int64_t block = inverted_block(task);
  const int64_t most = ceil_div(task.input.height, kNearRows);
  const int64_t parts =
      order == Order::kRows ? most : std::min(most, ceil_div(kManyPlanes, planes));
  const int64_t rows = ceil_div(task.input.height, parts);
  reading.rows_each_ = ceil_div(rows, block) * block;
  reading.parts_ = ceil_div(task.input.height, reading.rows_each_);
  reading.count = static_cast<size_t>(planes * reading.parts_);
  return reading;
}

Reading Reading::thin(const Convolution& task, int64_t first_image, int64_t images,
                      float* scratch) {
  Reading reading(task, first_image, scratch);
  reading.is_thin_ = true;
  reading.pads_ = task.weights->window;
  reading.pixels = {scratch, task.input.height + reading.pads_.top + reading.pads_.bottom,
                    task.input.width + reading.pads_.left + reading.pads_.right};
  reading.images_ = images;
  reading.groups_ = 1;
  reading.rows_each_ = std::max<int64_t>(kNearRows, inverted_block(task));
  reading.parts_ = ceil_div(task.input.height, reading.rows_each_);
  reading.count = static_cast<size_t>(images * reading.parts_);
  return reading;
}

void Reading::operator()(size_t item) const {
  const auto number = static_cast<int64_t>(item);
  const bool by_rows = order_ == Order::kRows;
  const int64_t outer = number / (by_rows ? groups_ : parts_);
  const int64_t group = by_rows ? number % groups_ : outer / images_;
  const int64_t part = (by_rows ? outer : number) % parts_;
  const int64_t image = by_rows ? outer / parts_ : outer % images_;
  const int64_t plane = image * groups_ + group, row = part * rows_each_;
  const int64_t rows = std::min(rows_each_, task_.input.height - row);
  clear_pads(plane, row, rows);
  if (is_thin_) return read_thin(plane, row, rows);
  read_group(plane, row, rows);
}

// Writes the zeros beside some rows of pixels, above the first row and below the last one.
void Reading::clear_pads(int64_t plane, int64_t row, int64_t rows) const {
  const int64_t depth = is_thin_ ? task_.input.channels : kLanes;
  const int64_t pitch = pixels.width * depth;
  float* first = scratch_ + plane * pixels.height * pitch;
  if (row == 0) std::fill_n(first, pads_.top * pitch, 0.0F);
  float* line = first + (row + pads_.top) * pitch;
  for (int64_t i = 0; i < rows; ++i, line += pitch) {
    std::fill_n(line, pads_.left * depth, 0.0F);
    std::fill_n(line + pitch - pads_.right * depth, pads_.right * depth, 0.0F);
  }
  if (row + rows == task_.input.height) std::fill_n(line, pads_.bottom * pitch, 0.0F);
}

void Reading::read_group(int64_t plane, int64_t row, int64_t rows) const {
  const Map& input = task_.input;
  const int block = inverted_block(task_);
  const int64_t image = first_image_ + plane / input.groups(), group = plane % input.groups();
  float* origin = scratch_ + plane * pixels.group_floats() +
                  ((row + pads_.top) * pixels.width + pads_.left) * kLanes;
  const int64_t pitch = pixels.width * kLanes;
  const int64_t near = std::max<int64_t>(block, kNearRows / block * block);
  float* copied = input.is_grouped
                      ? nullptr
                      : task_floats(3, static_cast<size_t>(near * input.pitch()));
  for (int64_t done = 0; done < rows; done += near) {
    const int64_t count = std::min(near, rows - done);
    inverse_rows({read_tiles(input, block, task_.x, image, group, row + done, count, copied),
                  origin + done * pitch, count, input.width, block, pitch});
  }
}

void Reading::read_thin(int64_t image, int64_t row, int64_t rows) const {
  const Map& input = task_.input;
  const int64_t channels = input.channels, floats = rows * input.pitch();
  const int block = inverted_block(task_);
  float* wide = task_floats(3, static_cast<size_t>(2 * floats));
  inverse_rows({read_tiles(input, block, task_.x, first_image_ + image, 0, row, rows, wide),
                wide + floats, rows, input.width, block, input.pitch()});
  for (int64_t line = 0; line < rows; ++line) {
    const float* from = wide + floats + line * input.pitch();
    const int64_t y = image * pixels.height + row + line + pads_.top;
    float* to = scratch_ + (y * pixels.width + pads_.left) * channels;
    for (int64_t column = 0; column < input.width; ++column) {
      for (int64_t channel = 0; channel < channels; ++channel) {
        to[column * channels + channel] = from[column * kLanes + channel];
      }
    }
  }
}

}  // namespace jpegcompile
