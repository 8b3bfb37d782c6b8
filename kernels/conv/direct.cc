// Convolution by its definition, as one matrix product over all taps. A 1x1 convolution is the
// simplest case.
#include <algorithm>
#include <utility>
#include <vector>

#include "conv/convolution.h"
#include "conv/gemm.h"
#include "work/strips.h"
#include "work/workspace.h"

namespace jpegcompile {
namespace {

// How the output is divided into tasks: rows per strip, strips, channel groups per chunk, chunks.
struct Schedule {
  int64_t rows, strips, chunk, chunks;
};

// The order of tasks. All tasks of a part of the strips run before the next part; within a part
// they run by rows or by channels.
struct Sequence {
  int64_t strips, chunks, parts;
  Order order;

  int64_t begin(int64_t part) const { return part * strips / parts; }
  std::pair<int64_t, int64_t> strip_and_chunk(int64_t number) const {
    int64_t part = 0;
    while (number >= begin(part + 1) * chunks) ++part;
    const int64_t first = begin(part), width = begin(part + 1) - first;
    const int64_t index = number - first * chunks;
    return order == Order::kRows ? std::pair{first + index / chunks, index % chunks}
                                 : std::pair{first + index % width, index / width};
  }
};

constexpr int64_t kStripPixels = 448;
// Enough that threads finish at about the same time, and few enough that the weights are not read
// too often.
constexpr int64_t kTasks = 12;
// Number of tasks even for a small map, whose tasks then have fewer rows.
constexpr int64_t kFewTasks = 4;
// With fewer strips per thread, strips are made as small as possible, so that threads get equal
// work.
constexpr int64_t kEvenStrips = 4;
// Enough rows of a matrix product to fill the registers.
constexpr int64_t kLeastPixels = 24;
// Cost of reading a pixel that another core computed, in weights read.
constexpr int64_t kWeightsPerPixel = 8;
// Pixels whose sums, of two groups, stay in the nearest cache until they are finished.
constexpr int64_t kNearPixels = 192;

Schedule schedule_for(const Call& call, const Convolution& task, int64_t images,
                      int64_t threads) {
  const int64_t block = task.output_block, blocks = task.output.height / block;
  const int64_t groups = task.output.groups();
  const int64_t least_strips = ceil_div(call.wanted_tasks(kFewTasks), images * ceil_div(groups, 2));
  const int64_t most =
      std::min(kStripPixels / task.output.width / block, ceil_div(blocks, least_strips));
  Schedule schedule{};
  schedule.rows = std::clamp<int64_t>(most, 1, blocks) * block;
  const int64_t few = images * ceil_div(blocks, schedule.rows / block);
  const bool is_uneven = threads > 1 && few < kEvenStrips * threads;
  if (is_uneven && block * task.output.width >= kLeastPixels) schedule.rows = block;
  schedule.strips = ceil_div(task.output.height, schedule.rows);
  const int64_t strips = images * schedule.strips;
  const int64_t wanted = ceil_div(call.wanted_tasks(kTasks), strips);
  schedule.chunk = ceil_div(groups, wanted);
  schedule.chunk += schedule.chunk % 2;
  schedule.chunks = ceil_div(groups, schedule.chunk);
  return schedule;
}

// Each thread reads all weights or all pixels. With parts, it reads all weights, but few at a time
// for all its pixels.
Sequence sequence_for(const Convolution& task, const Schedule& schedule, int64_t images,
                      int64_t threads) {
  const Window& window = task.weights->window;
  const int64_t weights = task.weights->outputs * task.weights->inputs / window.group *
                          window.kernel_height * window.kernel_width;
  const int64_t pixels = images * task.input.channels * task.input.plane();
  const int64_t all_strips = images * schedule.strips;
  const bool has_parts = threads > 1 && all_strips >= threads &&
                         weights <= kWeightsPerPixel * pixels;
  return {all_strips, schedule.chunks, has_parts ? threads : 1,
          schedule.strips > 1 && weights <= pixels ? Order::kRows : Order::kChannels};
}

// The part of a strip that is summed before it is finished: all of it if sums are finished in
// registers, whole rows if the output is NCHW, otherwise a few blocks.
Area first_part(const Convolution& task, const Area& strip) {
  Area part = strip;
  if (task.is_elementwise()) return part;
  part.rows = task.output_block;
  if (task.output.is_grouped) {
    const int64_t blocks = std::max<int64_t>(kNearPixels / part.rows / task.output_block, 1);
    part.columns = std::min(blocks * task.output_block, strip.columns);
  }
  return part;
}

// Lists the segments of an output group, as offsets from the origin of an output pixel.
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

// The pixels of an image and how they are read.
struct Input {
  const Pixels& pixels;
  const float* origin;
  bool is_thin;
  int64_t depth;  // contiguous floats of a pixel
};

// Distance in floats between what consecutive rows of an area's sums prefetch.
int64_t ahead_pitch(const Map& map, const Area& area) {
  return map.is_compact ? area.columns * kLanes : map.pitch();
}

// Computes the sums of some output groups into `gemm.output`, in rows of `pitch` floats. An area
// whose pixels are contiguous is computed as one product.
void multiply_area(const Convolution& task, const Input& input, const Area& area, int64_t group,
                   const std::vector<int64_t>& offsets, int64_t pitch, Gemm gemm) {
  const Window& window = task.weights->window;
  const int64_t segments = static_cast<int64_t>(offsets.size());
  gemm.row_stride = window.stride_x * input.depth;
  gemm.offsets = offsets.data();
  gemm.segments = segments;
  gemm.depth = input.is_thin ? window.kernel_width * input.depth : input.depth;
  const size_t packed = input.is_thin
                            ? static_cast<size_t>(group * segments * gemm.depth * kLanes)
                            : task.weights->taps[static_cast<size_t>(group)].weights;
  gemm.weights = task.weights->data + packed;
  const bool is_flat = window.stride_y == 1 && window.stride_x == 1 &&
                       input.pixels.width == area.columns && pitch == area.columns * kLanes;
  gemm.rows = is_flat ? area.rows * area.columns : area.columns;
  const Gemm first = gemm;
  const auto row_of = [](const float* rows, int64_t shift) {
    return rows == nullptr ? nullptr : rows + shift;
  };
  for (int64_t row = 0; row < (is_flat ? 1 : area.rows); ++row) {
    const int64_t y = (area.row + row) * window.stride_y;
    gemm.input = input.origin + (y * input.pixels.width + area.column * window.stride_x) *
                                      input.depth;
    gemm.output = first.output + row * pitch;
    gemm.residual = row_of(first.residual, row * pitch);
    gemm.ahead_output = row_of(first.ahead_output, row * ahead_pitch(task.output, area));
    gemm.ahead_residual = row_of(first.ahead_residual, row * ahead_pitch(task.residual_map, area));
    multiply(gemm);
  }
}

// Computes output groups whose sums are finished in registers and written to the output directly.
void convolve_elementwise(const Convolution& task, const Input& input, const Area& area,
                          int64_t group, int64_t groups, const std::vector<int64_t>& offsets) {
  const Epilogue epilogue = task.epilogue_of(group);
  float* output = rows_target(task.output, task.y, area.image, group, area.row, nullptr);
  Gemm gemm{};
  gemm.groups = groups;
  gemm.output = output;
  gemm.output_group = task.output.plane() * kLanes;
  gemm.epilogue = &epilogue;
  if (task.residual != nullptr) gemm.residual = task.residual + (output - task.y);
  look_ahead(task, {area.image, group, area.row, area.column}, gemm);
  multiply_area(task, input, area, group, offsets, task.output.pitch(), gemm);
}

void convolve_near(const Convolution& task, const Input& input, const Area& area, int64_t group,
                   int64_t groups, const std::vector<int64_t>& offsets) {
  const int64_t floats = area.rows * area.columns * kLanes;
  Gemm gemm{};
  gemm.groups = groups;
  gemm.output = task_floats(0, static_cast<size_t>(2 * floats));
  gemm.output_group = floats;
  look_ahead(task, {area.image, group, area.row, area.column}, gemm);
  multiply_area(task, input, area, group, offsets, area.columns * kLanes, gemm);
  for (int64_t part = 0; part < groups; ++part) {
    finish_area(task, area, group + part, gemm.output + part * floats);
  }
}

void convolve_area(const Convolution& task, const Input& input, const Area& area, int64_t group,
                   int64_t end) {
  thread_local std::vector<int64_t> offsets;
  // In a grouped convolution every output group reads other inputs, so groups are computed one at a
  // time.
  const int64_t step = task.weights->window.group == 1 ? 2 : 1;
  for (; group < end; group += step) {
    const Taps taps = input.is_thin ? Taps{} : task.weights->taps[static_cast<size_t>(group)];
    list_offsets(task, input.pixels, taps, offsets);
    const int64_t groups = std::min(step, end - group);
    if (task.is_elementwise()) {
      convolve_elementwise(task, input, area, group, groups, offsets);
    } else {
      convolve_near(task, input, area, group, groups, offsets);
    }
  }
}

void convolve_strip(const Convolution& task, const Input& input, const Area& strip, int64_t group,
                    int64_t end) {
  const Area first = first_part(task, strip);
  for (int64_t row = 0; row < strip.rows; row += first.rows) {
    for (int64_t column = 0; column < strip.columns; column += first.columns) {
      const Area area{strip.image, strip.row + row, std::min(first.rows, strip.rows - row), column,
                      std::min(first.columns, strip.columns - column)};
      convolve_area(task, input, area, group, end);
    }
  }
}

}  // namespace

void convolve_directly(const Call& call, const Convolution& task) {
  const bool is_thin = task.weights->method == Method::kThin;
  const int64_t floats = is_thin ? thin_pixel_floats(task) : pixel_floats(task, true);
  const int64_t images = images_at_once(task.input.batch, floats);
  Workspace workspace;
  float* scratch = workspace.floats(static_cast<size_t>(images * floats));
  for (int64_t first = 0; first < task.input.batch; first += images) {
    const int64_t count = std::min(images, task.input.batch - first);
    const int64_t threads = call.threads();
    const Schedule schedule = schedule_for(call, task, count, threads);
    const Sequence sequence = sequence_for(task, schedule, count, threads);
    const Order order = sequence.parts > 1 ? Order::kRows : sequence.order;
    const Reading reading = is_thin ? Reading::thin(task, first, count, scratch)
                                    : Reading::of(task, first, count, true, order, scratch);
    const Pixels& pixels = reading.pixels;
    const int64_t image_floats =
        is_thin ? floats : task.input.groups() * pixels.group_floats();
    const auto convolve = [&](size_t index) {
      const auto [strip_number, chunk] = sequence.strip_and_chunk(static_cast<int64_t>(index));
      const int64_t image = strip_number / schedule.strips;
      const int64_t row = strip_number % schedule.strips * schedule.rows;
      const int64_t group = chunk * schedule.chunk;
      const Area strip{first + image, row, std::min(schedule.rows, task.output.height - row), 0,
                       task.output.width};
      const Input input{pixels, pixels.data + image * image_floats, is_thin,
                        is_thin ? task.input.channels : kLanes};
      convolve_strip(task, input, strip, group,
                     std::min(group + schedule.chunk, task.output.groups()));
    };
    call.in_turn(Stage{reading.count, reading},
                 Stage{static_cast<size_t>(sequence.strips * schedule.chunks), convolve});
  }
}

}  // namespace jpegcompile
