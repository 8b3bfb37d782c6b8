#include "preprocess/integer/canvas.h"

#include <algorithm>
#include <cstring>

#include "preprocess/integer/resample.h"
#include "preprocess/integer/vectors.h"

namespace jpegcompile::integer {

Canvas::Canvas(const Placement& placement, PixelColor color, bool is_gray_file, uint8_t* out)
    : out_(out),
      width_(placement.columns.length),
      plane_(placement.rows.length * placement.columns.length),
      channels_(channels_of(color)),
      is_transposed_(placement.is_transposed),
      is_turned_around_(color == PixelColor::kBgr),
      is_gray_file_(is_gray_file) {}

void Canvas::fill(std::span<const uint8_t> values) {
  for (int64_t i = 0; i < channels_; ++i) {
    std::memset(out_ + i * plane_, values[static_cast<size_t>(i)], static_cast<size_t>(plane_));
  }
}

// Returns the planes that show a channel of the file: all planes for a gray file.
std::span<uint8_t* const> Canvas::planes_of(int64_t channel) {
  if (is_gray_file_) {
    for (int64_t i = 0; i < channels_; ++i) planes_[static_cast<size_t>(i)] = out_ + i * plane_;
    return std::span(planes_).first(static_cast<size_t>(channels_));
  }
  planes_[0] = out_ + (is_turned_around_ ? 2 - channel : channel) * plane_;
  return std::span(planes_).first(1);
}

void Canvas::put_row(int64_t channel, int64_t down, int64_t across, std::span<const uint8_t> row) {
  for (uint8_t* plane : planes_of(channel)) {
    if (!is_transposed_) {
      std::ranges::copy(row, plane + down * width_ + across);
      continue;
    }
    uint8_t* to = plane + across * width_ + down;
    for (const uint8_t pixel : row) {
      *to = pixel;
      to += width_;
    }
  }
}

void Canvas::put_strip(int64_t channel, const PlacedStrip& placed) {
  const int64_t rows = placed.rows;
  if (is_transposed_) {
    for (uint8_t* plane : planes_of(channel)) {
      for (int64_t i = 0; i < placed.columns; ++i) {
        const uint8_t* from = placed.strip + i * kStripRows;
        uint8_t* to = plane + (placed.across + i) * width_ + placed.down;
        if (placed.is_reversed) {
          std::reverse_copy(from, from + rows, to);
        } else {
          std::copy_n(from, rows, to);
        }
      }
    }
    return;
  }
  const int64_t pitch = padded(placed.columns);
  rows_.resize(static_cast<size_t>(pitch * kStripRows));
  rows_of_strip({placed.strip, placed.columns, rows_.data(), pitch});
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t down = placed.down + (placed.is_reversed ? rows - 1 - row : row);
    put_row(channel, down, placed.across,
            {rows_.data() + row * pitch, static_cast<size_t>(placed.columns)});
  }
}

}  // namespace jpegcompile::integer
