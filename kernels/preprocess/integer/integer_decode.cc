#include "preprocess/integer/integer_decode.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "preprocess/integer/pixel_strips.h"
#include "preprocess/integer/resample.h"
#include "preprocess/integer/vectors.h"
#include "preprocess/integer/windows.h"

namespace jpegcompile {
namespace integer {
namespace {

int64_t rounded_up(int64_t value) { return (value + kStripRows - 1) / kStripRows * kStripRows; }

// The array that is written: [channels][height][width].
class Canvas {
 public:
  Canvas(const Placement& placement, PixelColor color, bool is_gray_file, uint8_t* out)
      : out_(out),
        width_(placement.columns.length),
        plane_(placement.rows.length * placement.columns.length),
        channels_(channels_of(color)),
        is_transposed_(placement.is_transposed),
        is_turned_around_(color == PixelColor::kBgr),
        is_gray_file_(is_gray_file) {}

  void fill(std::span<const uint8_t> values) {
    for (int64_t i = 0; i < channels_; ++i) {
      std::memset(out_ + i * plane_, values[static_cast<size_t>(i)], static_cast<size_t>(plane_));
    }
  }

  // A row of the stored axes: output `down` of one, outputs from `across` on of the other.
  void put_row(int64_t channel, int64_t down, int64_t across, const uint8_t* row, int64_t count) {
    for (uint8_t* plane : planes_of(channel)) {
      if (!is_transposed_) {
        std::memcpy(plane + down * width_ + across, row, static_cast<size_t>(count));
        continue;
      }
      for (int64_t i = 0; i < count; ++i) plane[(across + i) * width_ + down] = row[i];
    }
  }

 private:
  // The planes that show a channel of the file: all of them show that of a grey one.
  std::span<uint8_t* const> planes_of(int64_t channel) {
    if (is_gray_file_) {
      for (int64_t i = 0; i < channels_; ++i) planes_[i] = out_ + i * plane_;
      return {planes_, static_cast<size_t>(channels_)};
    }
    planes_[0] = out_ + (is_turned_around_ ? 2 - channel : channel) * plane_;
    return {planes_, 1};
  }

  uint8_t* out_;
  int64_t width_, plane_, channels_;
  bool is_transposed_, is_turned_around_, is_gray_file_;
  uint8_t* planes_[3] = {};
};

// As many rows of 8-bit pixels as the next windows down may look at, [rows][channels][pitch].
class RowRing {
 public:
  RowRing(const Windows& windows, int64_t channels, int64_t pitch)
      : windows_(windows),
        row_bytes_(channels * pitch),
        capacity_(rounded_up(windows.size) + kStripRows),
        memory_(static_cast<size_t>(capacity_ * row_bytes_)),
        window_(static_cast<size_t>(windows.size)),
        made_(static_cast<size_t>(row_bytes_)) {}

  // Where the 8 rows of a strip go.
  uint8_t* strip(int64_t index) { return row(index * kStripRows); }
  int64_t row_bytes() const { return row_bytes_; }
  // The next window of which all rows below `end` are there.
  bool has_next(int64_t end) const {
    if (next_ == windows_.count()) return false;
    const Windows::Window& window = windows_.windows[static_cast<size_t>(next_)];
    return window.first + window.count <= end;
  }
  int64_t next_output() const { return windows_.output(next_); }
  // Its row, [channels][pitch].
  const uint8_t* take_next() {
    const Windows::Window& window = windows_.windows[static_cast<size_t>(next_)];
    const int32_t* weights = windows_.weights_of(next_++);
    if (windows_.is_copy) return row(window.first);
    for (int64_t i = 0; i < window.count; ++i) {
      window_[static_cast<size_t>(i)] = row(window.first + i);
    }
    resample_rows({window_.data(), weights, window.count, row_bytes_, made_.data()});
    return made_.data();
  }

 private:
  uint8_t* row(int64_t index) { return memory_.data() + index % capacity_ * row_bytes_; }

  const Windows& windows_;
  int64_t row_bytes_, capacity_, next_ = 0;
  std::vector<uint8_t> memory_;
  std::vector<const uint8_t*> window_;
  std::vector<uint8_t> made_;
};

struct Axes {
  Windows down, across;  // of stored rows and of stored columns
};

Range strips_of(const Windows& down) {
  return {down.first() / kStripRows, (down.end() + kStripRows - 1) / kStripRows};
}

// Columns first, then rows.
void across_then_down(PixelStrips& strips, const Axes& axes, Canvas& canvas) {
  const int64_t count = axes.across.count(), pitch = rounded_up(count);
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
        canvas.put_row(channel, output, axes.across.begin, row + channel * pitch, count);
      }
    }
  }
}

// Rows that went down become strips of 8, and go across.
class AcrossRows {
 public:
  AcrossRows(const Windows& across, int64_t channels, int64_t pitch, Canvas& canvas)
      : across_(across),
        channels_(channels),
        pitch_(pitch),
        canvas_(canvas),
        rows_(static_cast<size_t>(kStripRows * channels * pitch)),
        strip_(static_cast<size_t>(pitch * kStripRows)),
        resampled_(static_cast<size_t>(rounded_up(across.count()) * kStripRows)) {}

  void add(int64_t output, const uint8_t* row) {
    outputs_[count_] = output;
    std::memcpy(rows_.data() + count_ * channels_ * pitch_, row,
                static_cast<size_t>(channels_ * pitch_));
    if (++count_ == kStripRows) finish();
  }

  void finish() {
    uint8_t* back = strip_.data();  // read by then
    for (int64_t channel = 0; channel < channels_; ++channel) {
      strip_of_rows({rows_.data() + channel * pitch_, channels_ * pitch_, pitch_, strip_.data()});
      resample_columns({across_, strip_.data(), across_.first(), resampled_.data()});
      const int64_t made = rounded_up(across_.count());
      back_.resize(static_cast<size_t>(made * kStripRows));
      back = back_.data();
      rows_of_strip({resampled_.data(), across_.count(), back, made});
      for (int64_t row = 0; row < count_; ++row) {
        canvas_.put_row(channel, outputs_[row], across_.begin, back + row * made, across_.count());
      }
    }
    count_ = 0;
  }

 private:
  const Windows& across_;
  int64_t channels_, pitch_, count_ = 0;
  int64_t outputs_[kStripRows] = {};
  Canvas& canvas_;
  std::vector<uint8_t> rows_, strip_, resampled_, back_;
};

// Rows first, then columns.
void down_then_across(PixelStrips& strips, const Axes& axes, Canvas& canvas) {
  const int64_t width = axes.across.end() - axes.across.first(), pitch = rounded_up(width);
  RowRing ring(axes.down, strips.channels(), pitch);
  AcrossRows across(axes.across, strips.channels(), pitch, canvas);
  const Range range = strips_of(axes.down);
  for (int64_t index = range.begin; index < range.end; ++index) {
    const Strip strip = strips.strip(index);
    for (int64_t channel = 0; channel < strips.channels(); ++channel) {
      rows_of_strip({strip[static_cast<size_t>(channel)], width,
                     ring.strip(index) + channel * pitch, ring.row_bytes()});
    }
    while (ring.has_next((index + 1) * kStripRows)) {
      const int64_t output = ring.next_output();
      across.add(output, ring.take_next());
    }
  }
  across.finish();
}

// Pillow 13 resizes rows first where that takes away more than twice as many pixels of a column as
// columns first would of a row. (Releases before always began with the columns of all but very
// tall images.)
bool is_down_first(const Placement& placement) {
  const AxisPlacement& rows = placement.rows;
  const AxisPlacement& columns = placement.columns;
  const bool are_rows_first =
      rows.target < rows.source &&
      2 * (columns.source - columns.target) < rows.source - rows.target;
  return are_rows_first != placement.is_transposed;  // of the stored rows
}

void check_sizes(const Image& frame, const AxisPlacement& down, const AxisPlacement& across) {
  if (down.source == frame.height && across.source == frame.width) return;
  throw std::invalid_argument("the placement is of an image of another size");
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
  check_sizes(frame, down, across);
  if (static_cast<int64_t>(fill.size()) != channels_of(color)) {
    throw std::invalid_argument("the fill has not one value for each channel");
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
