// The plan that computes a network's input from one file: an operator for each axis of each
// component, and the color mixing.
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

// The network's input and its preprocessing, independent of the file.
struct NetworkNumbers {
  size_t channels = 3;
  Size size;
  int64_t block = 1;              // block size of the result: 8, 4, 2, or 1 for pixels
  bool is_channels_last = false;  // NHWC
  bool is_half = false;           // float16
  Geometry geometry;
  // For each color space: [channels][components of the space]. Maps samples minus 128 to the
  // network's numbers.
  std::array<std::vector<double>, 3> mixing;
  // [channels] each. The network's numbers are scale * pixel + shift; `fill` is a pixel value.
  std::vector<double> scale, shift, fill;

  // Number of elements, and of bytes, of one view of an image.
  size_t view_size() const { return channels * static_cast<size_t>(size.height * size.width); }
  size_t view_bytes() const { return view_size() * (is_half ? sizeof(uint16_t) : sizeof(float)); }
};

// Thrown for a frame that the network's preprocessing does not accept: its result does not have the
// network's size, or its sampling factors are not supported.
class FrameRefused : public std::exception {
 public:
  const char* what() const noexcept override {
    return "the network's preprocessing does not accept the frame";
  }
};

// Caches of the operators of axes. Thread-safe.
class Operators {
 public:
  explicit Operators(size_t max_bytes)
      : taps_(max_bytes / 4), rows_(max_bytes / 4), columns_(max_bytes / 2) {}

  std::shared_ptr<const VerticalOperator> rows(const AxisKey& key);
  std::shared_ptr<const HorizontalOperator> columns(const AxisKey& key);

 private:
  std::shared_ptr<const AxisTaps> taps(const AxisPlacement& axis);

  ByteCache<AxisPlacement, AxisHash, AxisTaps> taps_;  // shared by components
  ByteCache<AxisKey, AxisHash, VerticalOperator> rows_;
  ByteCache<AxisKey, AxisHash, HorizontalOperator> columns_;
};

struct ComponentPlan {
  size_t index = 0;  // in the file
  std::shared_ptr<const VerticalOperator> rows;
  std::shared_ptr<const HorizontalOperator> columns;
  int64_t rows_per_mcu = 1;  // block rows in an MCU row
  // Number of rows in the ring of sums, a power of 2, and floats from one row to the next.
  int64_t ring = 1;
  size_t stride = 0;
};

// The shape in which results are computed, before they are converted to the network's layout.
struct ResultShape {
  Size size;
  bool is_transposed = false;  // whether rows and columns are exchanged
  size_t stride = 0;           // floats from one row to the next, whole vectors

  ResultShape() = default;
  ResultShape(Size size, bool is_transposed);
};

// Results are computed in the order and orientation in which the file stores the image.
struct Plan : ResultShape {
  std::vector<ComponentPlan> components;  // only components that the network's channels depend on
  int64_t first_row = 0;      // first MCU row that results depend on
  int64_t needed_rows = 0;    // end of the MCU rows that results depend on
  std::vector<float> mixing;  // [channels][components]
  // [2][channels][stride]: what is added to rows that show only the fill, and to rows that show the
  // image.
  AlignedFloats constants;

  bool is_reversed() const { return components.front().rows->is_reversed(); }
  bool shows_image(int64_t row) const {
    const VerticalOperator& rows = *components.front().rows;
    return row >= rows.first_shown() && row < rows.last_shown();
  }
  int64_t outputs() const { return size.height; }
  // Returns how many rows can be passed to the next step when `complete` rows are complete: whole
  // groups, or all rows.
  int64_t ready(int64_t complete) const;
};

// Throws FrameRefused for fractional sampling factors.
void check_factors(const Image& frame);

// Returns the placement of a frame in a view. Throws FrameRefused.
Placement placement_of(const Image& frame, const Geometry& view, Size network);

// Returns the plan for a frame with this placement. For a piece of a larger plan, pass that plan as
// `whole`: the piece then uses the same number of frequencies per block. Throws FrameRefused.
Plan make_plan(const Image& frame, const Placement& placement, const NetworkNumbers& network,
               Operators& operators, const Plan* whole = nullptr);

}  // namespace jpegcompile
