// How one file comes to a network's input: the operators of its components, and what they mix to.
#pragma once

#include <array>
#include <cstdint>
#include <exception>
#include <memory>
#include <vector>

#include "jpeg/coefficients.h"
#include "preprocess/axis.h"
#include "preprocess/byte_cache.h"
#include "preprocess/geometry.h"

namespace jpegcompile {

// What a network takes of any file.
struct NetworkNumbers {
  size_t channels = 3;
  Size size;
  int64_t block = 1;              // of the result: 8, 4, 2, or 1 for pixels
  bool is_channels_last = false;  // NHWC
  bool is_half = false;           // float16
  Geometry geometry;
  // By color space: [channels][components of the space], from samples relative to 128 to the
  // network's numbers.
  std::array<std::vector<double>, 3> mixing;
  // [channels]: the network's numbers are scale * pixel + shift; the fill is a pixel.
  std::vector<double> scale, shift, fill;

  // Numbers and bytes of one view of an image.
  size_t view_size() const { return channels * static_cast<size_t>(size.height * size.width); }
  size_t view_bytes() const { return view_size() * (is_half ? sizeof(uint16_t) : sizeof(float)); }
};

// A frame that does not come to the network's size, or whose sampling factors define no pixels.
class FrameRefused : public std::exception {
 public:
  const char* what() const noexcept override { return "the frame is not taken"; }
};

// The operators of axes that were used last; threads may share them.
class Operators {
 public:
  explicit Operators(size_t max_bytes)
      : taps_(max_bytes / 4), rows_(max_bytes / 4), columns_(max_bytes / 2) {}

  std::shared_ptr<const VerticalOperator> rows(const AxisKey& key);
  std::shared_ptr<const HorizontalOperator> columns(const AxisKey& key);

 private:
  std::shared_ptr<const AxisTaps> taps(const AxisPlacement& axis);

  ByteCache<AxisPlacement, AxisHash, AxisTaps> taps_;  // which components have in common
  ByteCache<AxisKey, AxisHash, VerticalOperator> rows_;
  ByteCache<AxisKey, AxisHash, HorizontalOperator> columns_;
};

struct ComponentPlan {
  size_t index = 0;  // in the file
  std::shared_ptr<const VerticalOperator> rows;
  std::shared_ptr<const HorizontalOperator> columns;
  int64_t rows_per_mcu = 1;  // block rows
  // Rows of sums that are held at a time, a power of 2, and floats from one to the next.
  int64_t ring = 1;
  size_t stride = 0;
};

// In what shape results are made, before they come to the network's layout.
struct ResultShape {
  Size size;
  bool is_transposed = false;  // rows and columns are exchanged
  size_t stride = 0;           // floats of a row, whole vectors

  ResultShape() = default;
  ResultShape(Size size, bool is_transposed);
};

// Results are made in the order and orientation in which the file stores the image.
struct Plan : ResultShape {
  std::vector<ComponentPlan> components;  // those that the network's channels depend on
  int64_t first_row = 0;      // the first MCU row of which something is needed
  int64_t needed_rows = 0;    // MCU rows from the first on, behind which nothing is needed
  std::vector<float> mixing;  // [channels][components]
  // [2][channels][stride]: added to a row that shows the fill alone, and to one that shows the image.
  AlignedFloats constants;

  bool is_reversed() const { return components.front().rows->is_reversed(); }
  bool shows_image(int64_t row) const {
    const VerticalOperator& rows = *components.front().rows;
    return row >= rows.first_shown() && row < rows.last_shown();
  }
  int64_t outputs() const { return size.height; }
  // The rows that can be handed on once so many are complete: whole groups, or all.
  int64_t ready(int64_t complete) const;
};

// Where a frame comes to stand in a view. Throws FrameRefused.
Placement placement_of(const Image& frame, const Geometry& view, Size network);

// Of a frame that comes to stand there. Where that is a part of the columns of `whole`, it uses as many
// frequencies. Throws FrameRefused.
Plan make_plan(const Image& frame, const Placement& placement, const NetworkNumbers& network,
               Operators& operators, const Plan* whole = nullptr);

}  // namespace jpegcompile
