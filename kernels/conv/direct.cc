// Convolution by the definition, as one matrix product over all taps; 1x1 convolutions are its
// plainest case.
#include <algorithm>
#include <vector>

#include "../native/workspace.h"
#include "convolution.h"
#include "gemm.h"

namespace jpegcompile {
namespace {

// Rows of the output that are finished together, and how its channels are shared out.
struct Schedule {
  int64_t rows, strips, chunk, chunks;
};

constexpr int64_t kStripPixels = 448;
// Enough to keep a machine busy, and so few that the weights are not read too often.
constexpr int64_t kTasks = 12;

Schedule schedule_for(const Convolution& task, int64_t images) {
  const int64_t block = task.output_block, height = task.output.height;
  Schedule schedule{};
  schedule.rows = std::max<int64_t>(kStripPixels / task.output.width / block, 1) * block;
  schedule.rows = std::min(schedule.rows, height);
  schedule.strips = (height + schedule.rows - 1) / schedule.rows;
  const int64_t groups = task.output.groups();
  const int64_t wanted = std::max<int64_t>(kTasks / (images * schedule.strips), 1);
  schedule.chunk = (groups + wanted - 1) / wanted;
  schedule.chunk += schedule.chunk % 2;
  schedule.chunks = (groups + schedule.chunk - 1) / schedule.chunk;
  return schedule;
}

// Segments of a group of outputs: offsets from the origin of an output pixel.
void list_offsets(const Convolution& task, const Pixels& pixels, const Taps& taps,
                  std::vector<int64_t>& offsets) {
  const Window& window = task.weights->window;
  offsets.clear();
  if (task.weights->method == Method::kThin) {
    for (int64_t y = 0; y < window.kernel_height; ++y) {
      offsets.push_back(y * window.dilation_y * pixels.width * task.input.channels);
    }
    return;
  }
  for (int64_t group = 0; group < taps.input_groups; ++group) {
    for (int64_t y = 0; y < window.kernel_height; ++y) {
      for (int64_t x = 0; x < window.kernel_width; ++x) {
        const int64_t plane = (taps.first_input_group + group) * pixels.height;
        offsets.push_back(((plane + y * window.dilation_y) * pixels.width + x * window.dilation_x) *
                          kLanes);
      }
    }
  }
}

struct Strip {
  int64_t image, row, rows;
};

// Sums of some groups of outputs, rows of the map or, where they follow each other in memory, all
// pixels of the strip as one.
void multiply_strip(const Convolution& task, const Pixels& pixels, const float* origin,
                    const Strip& strip, int64_t group, int64_t groups,
                    const std::vector<int64_t>& offsets, float* sums) {
  const Window& window = task.weights->window;
  const bool is_thin = task.weights->method == Method::kThin;
  const int64_t depth = is_thin ? task.input.channels : kLanes;
  const int64_t segments = static_cast<int64_t>(offsets.size());
  Gemm gemm{};
  gemm.row_stride = window.stride_x * depth;
  gemm.offsets = offsets.data();
  gemm.segments = segments;
  gemm.depth = is_thin ? window.kernel_width * depth : depth;
  const size_t packed = is_thin ? static_cast<size_t>(group * segments * gemm.depth * kLanes)
                                : task.weights->taps[static_cast<size_t>(group)].weights;
  gemm.weights = task.weights->data + packed;
  gemm.groups = groups;
  gemm.output_group = strip.rows * task.output.pitch();
  const bool is_flat = window.stride_y == 1 && window.stride_x == 1 &&
                       pixels.width == task.output.width && window.kernel_width == 1;
  gemm.rows = is_flat ? strip.rows * task.output.width : task.output.width;
  for (int64_t row = 0; row < (is_flat ? 1 : strip.rows); ++row) {
    gemm.input = origin + (strip.row + row) * window.stride_y * pixels.width * depth;
    gemm.output = sums + row * task.output.pitch();
    multiply(gemm);
  }
}

void convolve_strip(const Convolution& task, const Pixels& pixels, const float* origin,
                    const Strip& strip, int64_t group, int64_t end) {
  thread_local std::vector<int64_t> offsets;
  const int64_t floats = strip.rows * task.output.pitch();
  float* sums = task_floats(0, static_cast<size_t>(2 * floats));
  const bool is_thin = task.weights->method == Method::kThin;
  for (; group < end; group += 2) {
    const int64_t both = std::min<int64_t>(2, end - group);
    const bool is_one_group = task.weights->window.group == 1;
    // The groups of a grouped convolution read different inputs.
    for (int64_t part = 0; part < both; part += is_one_group ? both : 1) {
      const int64_t first = group + part;
      const Taps taps = is_thin ? Taps{} : task.weights->taps[static_cast<size_t>(first)];
      list_offsets(task, pixels, taps, offsets);
      multiply_strip(task, pixels, origin, strip, first, is_one_group ? both : 1, offsets,
                     sums + part * floats);
    }
    for (int64_t part = 0; part < both; ++part) {
      finish_rows(task, strip.image, group + part, strip.row, strip.rows, sums + part * floats,
                  task.output.pitch());
    }
  }
}

}  // namespace

void convolve_directly(const Call& call, const Convolution& task) {
  const bool is_thin = task.weights->method == Method::kThin;
  const Window& window = task.weights->window;
  const int64_t padded = (task.input.height + window.top + window.bottom) *
                         (task.input.width + window.left + window.right);
  const int64_t floats = is_thin ? padded * task.input.channels : pixel_floats(task, true);
  const int64_t images = images_at_once(task.input.batch, floats);
  Workspace workspace;
  float* scratch = workspace.floats(static_cast<size_t>(images * floats));
  for (int64_t first = 0; first < task.input.batch; first += images) {
    const int64_t count = std::min(images, task.input.batch - first);
    const Pixels pixels = is_thin ? read_thin_pixels(call, task, first, count, scratch)
                                  : read_pixels(call, task, first, count, true, scratch);
    const int64_t image_floats =
        is_thin ? floats : task.input.groups() * pixels.group_floats();
    const Schedule schedule = schedule_for(task, count);
    const int64_t per_image = schedule.strips * schedule.chunks;
    call.parallel(static_cast<size_t>(count * per_image), [&](size_t index) {
      const int64_t image = static_cast<int64_t>(index) / per_image;
      const int64_t part = static_cast<int64_t>(index) % per_image;
      const int64_t row = part % schedule.strips * schedule.rows;
      const int64_t group = part / schedule.strips * schedule.chunk;
      const Strip strip{first + image, row, std::min(schedule.rows, task.output.height - row)};
      convolve_strip(task, pixels, pixels.data + image * image_floats, strip, group,
                     std::min(group + schedule.chunk, task.output.groups()));
    });
  }
}

}  // namespace jpegcompile
