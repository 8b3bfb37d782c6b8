#include "ingest_conv/sparse.h"

#include <algorithm>
#include <array>

#include "ingest_conv/accumulate.h"
#include "work/strips.h"

namespace jpegcompile {
namespace {

// Output rows in a task, unless blocks are larger: their sums stay in a core's own cache.
constexpr int64_t kTaskRows = 16;
// A file has at most four components.
constexpr size_t kMaxComponents = 4;

static_assert(sizeof(Nonzero) == 2 * sizeof(float) && sizeof(int32_t) == sizeof(float));

// Where the lists of a layer's rows of blocks are in an image's scratch memory, in floats.
struct Lists {
  int64_t offset;      // offset of the first row's coefficients
  int64_t row_floats;  // distance between rows
  int64_t starts;      // from a row's coefficients to their starts

  Nonzero* nonzeros(float* scratch, int64_t row) const {
    return reinterpret_cast<Nonzero*>(scratch + offset + row * row_floats);
  }
  int32_t* starts_of(float* scratch, int64_t row) const {
    return reinterpret_cast<int32_t*>(scratch + offset + row * row_floats + starts);
  }
};

struct Layout {
  std::array<Lists, kMaxLayers> lists{};  // of each layer
  int64_t floats = 0;        // for one image
};

Layout layout_of(const Responses& responses) {
  Layout layout;
  for (size_t index = 0; index < responses.layers().size(); ++index) {
    const Layer& layer = responses.layers()[index];
    // One entry more, because an entry is written before it is known to be nonzero.
    const int64_t starts = 2 * (most_nonzeros(layer) + 1);
    const int64_t row = (starts + layer.columns.blocks + 2) / 2 * 2;
    layout.lists.at(index) = {layout.floats, row, starts};
    layout.floats += row * layer.rows.blocks;
  }
  return layout;
}

void list_image(const Responses& responses, const Layout& layout, const QuantizedImages& images,
                int64_t image, int64_t block_row, float* scratch) {
  for (size_t index = 0; index < responses.layers().size(); ++index) {
    const Layer& layer = responses.layers()[index];
    if (block_row >= layer.rows.blocks) continue;
    std::array<const uint16_t*, kMaxComponents> tables{};
    for (int64_t component = 0; component < layer.components; ++component) {
      const int64_t table =
          image * images.quantization.shape[1] + images.planes[index].tables[component];
      tables.at(static_cast<size_t>(component)) =
          images.quantization.as<uint16_t>() + table * kFrequencies * kFrequencies;
    }
    list_nonzeros(layer, {images.image(index, image), tables.data()}, block_row,
                  layout.lists[index].nonzeros(scratch, block_row),
                  layout.lists[index].starts_of(scratch, block_row));
  }
}

// Padding on both sides of the sums of one group, for patches that extend beyond the map.
struct Margins {
  int64_t left = 0, pitch = 0;  // in outputs
};

Margins margins_of(const Responses& responses, int64_t width) {
  Margins margins;
  int64_t last = width;
  for (const Layer& layer : responses.layers()) {
    margins.left = std::max(margins.left, -layer.across.first);
    last = std::max(last, layer.across.of(layer.columns.blocks - 1) + layer.across.count);
  }
  margins.pitch = margins.left + last;
  return margins;
}

// Adds all responses to some rows of some groups. Sums are `pitch` floats apart from row to row,
// and `group_floats` from group to group. Each row of the patches is applied to all rows of blocks
// before the next one, while it is in a core's own cache.
void add_rows(const Responses& responses, const Layout& layout, float* scratch, int64_t group,
              int64_t groups, const Area& area, float* sums, int64_t pitch, int64_t group_floats) {
  for (size_t index = 0; index < responses.layers().size(); ++index) {
    const Layer& layer = responses.layers()[index];
    const Lists& lists = layout.lists[index];
    const Reach& down = layer.down;
    for (int64_t patch_row = 0; patch_row < down.count; ++patch_row) {
      // Output rows, relative to the area's first row: first + block * step.
      const int64_t first = down.first + patch_row - area.row;
      int64_t block = std::max<int64_t>(0, ceil_div(-first, down.step));
      for (; block < layer.rows.blocks && first + block * down.step < area.rows; ++block) {
        accumulate({lists.nonzeros(scratch, block), lists.starts_of(scratch, block),
                    layer.columns.blocks, layer.row_of(group, patch_row), layer.across.count,
                    sums + (first + block * down.step) * pitch + layer.across.first * kLanes,
                    layer.across.step * kLanes, groups, group_floats});
      }
    }
  }
}

// Computes rows of some groups.
void convolve_rows(const Convolution& task, const Responses& responses, const Layout& layout,
                   float* scratch, int64_t first, int64_t last, const Area& area) {
  const Margins margins = margins_of(responses, task.output.width);
  const int64_t pitch = margins.pitch * kLanes, floats = area.rows * pitch;
  const int64_t left = margins.left * kLanes;
  float* sums = task_floats(0, static_cast<size_t>((last - first) * floats));
  for (int64_t group = first; group < last; ++group) {
    float* to = sums + (group - first) * floats;
    for (int64_t row = 0; row < area.rows; ++row, to += pitch) {
      float* map = std::fill_n(to, left, 0.0F);
      float* end = std::copy_n(responses.base_row(area.row + row, group), task.output.pitch(), map);
      std::fill(end, to + pitch, 0.0F);
    }
  }
  add_rows(responses, layout, scratch, first, last - first, area, sums + left, pitch, floats);
  for (int64_t group = first; group < last; ++group) {
    finish_area(task, area, group, sums + (group - first) * floats + left,
                TileLayout::in_rows(task.output_block, pitch));
  }
}

}  // namespace

int64_t QuantizedImages::image_coefficients(size_t layer) const {
  const Shape& shape = planes[layer].quantized.shape;
  return shape[1] * shape[2] * shape[3] * kFrequencies * kFrequencies;
}

const int16_t* QuantizedImages::image(size_t layer, int64_t index) const {
  return planes[layer].quantized.as<int16_t>() + index * image_coefficients(layer);
}

int64_t vectors_of(const Responses& responses, int64_t groups, const QuantizedImages& images,
                   int64_t image) {
  int64_t vectors = 0;
  for (size_t index = 0; index < responses.layers().size(); ++index) {
    const Layer& layer = responses.layers()[index];
    vectors += count_nonzeros(images.image(index, image), images.image_coefficients(index)) *
               layer.down.count * layer.across.count * groups;
  }
  return vectors;
}

void convolve_sparsely(const Call& call, const Convolution& task, const Responses& responses,
                       const QuantizedImages& images, int64_t first, int64_t count) {
  const Layout layout = layout_of(responses);
  const int64_t at_once = images_at_once(count, layout.floats);
  Workspace workspace;
  float* scratch = workspace.floats(static_cast<size_t>(at_once * layout.floats));
  const int64_t block_rows = std::ranges::max_element(responses.layers(), {}, [](const Layer& l) {
                               return l.rows.blocks;
                             })->rows.blocks;
  const int64_t groups = task.output.groups(), height = task.output.height;
  const int64_t chunks = ceil_div(groups, kTableGroups);
  const int64_t rows = std::max<int64_t>(kTaskRows / task.output_block, 1) * task.output_block;
  const int64_t strips = ceil_div(height, rows);
  for (int64_t done = 0; done < count; done += at_once) {
    const int64_t now = std::min(at_once, count - done);
    const auto list = [&](size_t index) {
      const int64_t image = static_cast<int64_t>(index) / block_rows;
      list_image(responses, layout, images, first + done + image,
                 static_cast<int64_t>(index) % block_rows, scratch + image * layout.floats);
    };
    const auto add = [&](size_t index) {
      const int64_t row = static_cast<int64_t>(index) % strips * rows;
      const int64_t group = static_cast<int64_t>(index) / strips % chunks * kTableGroups;
      const int64_t image = static_cast<int64_t>(index) / strips / chunks;
      convolve_rows(task, responses, layout, scratch + image * layout.floats, group,
                    std::min(group + kTableGroups, groups),
                    {first + done + image, row, std::min(rows, height - row), 0,
                     task.output.width});
    };
    call.in_turn(Stage{static_cast<size_t>(now * block_rows), list},
                 Stage{static_cast<size_t>(now * chunks * strips), add});
  }
}

}  // namespace jpegcompile
