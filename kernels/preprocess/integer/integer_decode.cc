// Strips of 8 rows are decoded and resized along the axis that Pillow resizes first. Rows stay in a
// ring until the second resize has read them. Its results are copied to the array.
#include "preprocess/integer/integer_decode.h"

#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "preprocess/integer/canvas.h"
#include "preprocess/integer/pixel_strips.h"
#include "preprocess/integer/resample.h"
#include "preprocess/integer/row_ring.h"
#include "preprocess/integer/vectors.h"
#include "preprocess/integer/windows.h"

namespace jpegcompile {
namespace integer {
namespace {

struct Axes {
  Windows down, across;  // along the columns of the file, and along its rows
};

Range strips_of(const Windows& down) {
  return {down.first() / kStripRows, (down.end() + kStripRows - 1) / kStripRows};
}

void across_then_down(PixelStrips& strips, const Axes& axes, Canvas& canvas) {
  const int64_t count = axes.across.count(), pitch = padded(count);
  RowRing ring(axes.down, strips.channels(), pitch);
  std::vector<uint8_t> resampled(static_cast<size_t>(pitch * kStripRows));
  const Range range = strips_of(axes.down);
  for (int64_t index = range.begin; index < range.end; ++index) {
    const Strip strip = strips.strip(index);
    for (int64_t channel = 0; channel < strips.channels(); ++channel) {
      resample_columns({axes.across, strip[static_cast<size_t>(channel)], axes.across.first(),
                        resampled.data()});
      rows_of_strip({resampled.data(), count, ring.strip(index) + channel * pitch,
                     ring.row_bytes()});
    }
    while (ring.has_next((index + 1) * kStripRows)) {
      const int64_t output = ring.next_output();
      const uint8_t* row = ring.take_next();
      for (int64_t channel = 0; channel < strips.channels(); ++channel) {
        canvas.put_row(channel, output, axes.across.begin,
                       {row + channel * pitch, static_cast<size_t>(count)});
      }
    }
  }
}

// Collects single rows to strips, and resizes these along the rows.
class StripsOfRows {
 public:
  StripsOfRows(const Axes& axes, int64_t channels, int64_t pitch, Canvas& canvas)
      : axes_(axes),
        channels_(channels),
        pitch_(pitch),
        canvas_(canvas),
        rows_(static_cast<size_t>(kStripRows * channels * pitch)),
        strip_(static_cast<size_t>(kStripRows * pitch)),
        resampled_(static_cast<size_t>(kStripRows * padded(axes.across.count()))) {}

  // Rows must be added in the order of `axes.down`.
  void add(int64_t output, const uint8_t* row) {
    first_ = count_ == 0 ? output : first_;
    last_ = output;
    const auto bytes = static_cast<size_t>(channels_ * pitch_);
    std::memcpy(rows_.data() + static_cast<size_t>(count_) * bytes, row, bytes);
    if (++count_ == kStripRows) finish();
  }

  void finish() {
    const Windows& across = axes_.across;
    const bool is_reversed = axes_.down.is_reversed;
    for (int64_t channel = 0; count_ > 0 && channel < channels_; ++channel) {
      strip_of_rows({rows_.data() + channel * pitch_, channels_ * pitch_, pitch_, strip_.data()});
      resample_columns({across, strip_.data(), across.first(), resampled_.data()});
      canvas_.put_strip(channel, {resampled_.data(), across.count(), count_,
                                  is_reversed ? last_ : first_, across.begin, is_reversed});
    }
    count_ = 0;
  }

 private:
  const Axes& axes_;
  int64_t channels_, pitch_;
  Canvas& canvas_;
  int64_t count_ = 0, first_ = 0, last_ = 0;
  std::vector<uint8_t> rows_, strip_, resampled_;
};

void down_then_across(PixelStrips& strips, const Axes& axes, Canvas& canvas) {
  const int64_t width = axes.across.end() - axes.across.first(), pitch = padded(width);
  RowRing ring(axes.down, strips.channels(), pitch);
  StripsOfRows made(axes, strips.channels(), pitch, canvas);
  const Range range = strips_of(axes.down);
  for (int64_t index = range.begin; index < range.end; ++index) {
    const Strip strip = strips.strip(index);
    for (int64_t channel = 0; channel < strips.channels(); ++channel) {
      rows_of_strip({strip[static_cast<size_t>(channel)], width,
                     ring.strip(index) + channel * pitch, ring.row_bytes()});
    }
    while (ring.has_next((index + 1) * kStripRows)) {
      const int64_t output = ring.next_output();
      made.add(output, ring.take_next());
    }
  }
  made.finish();
}

// Whether Pillow resizes along the columns of the stored image before its rows. Pillow 13 resizes
// the height first if this removes more than twice as many rows as resizing the width removes
// columns. (Earlier releases resize the width first, except for very tall images.)
bool is_down_first(const Placement& placement) {
  const AxisPlacement& rows = placement.rows;
  const AxisPlacement& columns = placement.columns;
  const bool is_height_first = rows.target < rows.source &&
                               2 * (columns.source - columns.target) < rows.source - rows.target;
  return is_height_first != placement.is_transposed;
}

void check(const Image& frame, const AxisPlacement& down, const AxisPlacement& across) {
  if (down.source == frame.height && across.source == frame.width) return;
  throw std::invalid_argument("the placement is for an image of " + std::to_string(across.source) +
                              "x" + std::to_string(down.source) + "; the file has " +
                              std::to_string(frame.width) + "x" + std::to_string(frame.height));
}

}  // namespace
}  // namespace integer

int64_t channels_of(PixelColor color) { return color == PixelColor::kGray ? 1 : 3; }

void decode_integers(BlockRows& rows, const Placement& placement, PixelColor color,
                     std::span<const uint8_t> fill, uint8_t* out) {
  using namespace integer;
  const Image& frame = rows.frame();
  const bool is_transposed = placement.is_transposed;
  const AxisPlacement& down = is_transposed ? placement.columns : placement.rows;
  const AxisPlacement& across = is_transposed ? placement.rows : placement.columns;
  check(frame, down, across);
  if (static_cast<int64_t>(fill.size()) != channels_of(color)) {
    throw std::invalid_argument("fill has " + std::to_string(fill.size()) +
                                " values; it must have " + std::to_string(channels_of(color)));
  }
  const Axes axes{windows_of(down), windows_of(across)};
  Canvas canvas(placement, color, frame.color_space == ColorSpace::gray, out);
  if (!placement.is_inside()) canvas.fill(fill);
  if (axes.down.is_empty() || axes.across.is_empty()) return;
  PixelStrips strips(rows, color, {axes.across.first(), axes.across.end()},
                     axes.down.first() / kStripRows);
  if (is_down_first(placement)) return down_then_across(strips, axes, canvas);
  across_then_down(strips, axes, canvas);
}

}  // namespace jpegcompile
