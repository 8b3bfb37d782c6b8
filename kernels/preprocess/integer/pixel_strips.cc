#include "preprocess/integer/pixel_strips.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>

#include "preprocess/integer/color.h"
#include "preprocess/integer/inverse_dct.h"
#include "preprocess/integer/vectors.h"

namespace jpegcompile::integer {
namespace {

constexpr int64_t kBlock = 8;
// Columns before the first one of a strip, for the sample beyond the edge; a whole block for the
// sake of alignment. Behind the last one there is room for one block more, which is decoded along,
// and one sample beyond.
constexpr int64_t kMargin = kBlock;

struct Factors {
  int64_t across = 1, down = 1;
};

Factors most_factors(const Image& frame) {
  Factors most;
  for (const Component& component : frame.components) {
    most.across = std::max<int64_t>(most.across, component.horizontal_factor);
    most.down = std::max<int64_t>(most.down, component.vertical_factor);
  }
  return most;
}

int64_t divided_up(int64_t value, int64_t divisor) { return (value + divisor - 1) / divisor; }

// The method that jdsample.c chooses where fancy upsampling is asked for.
Upsampling upsampling_of(int64_t across, int64_t down, int64_t width) {
  if (across == 1 && down == 1) return Upsampling::kNone;
  if (across == 1 && down == 2) return Upsampling::kTriangleDown;
  if (across == 2 && width > 2) {
    if (down == 1) return Upsampling::kTriangleAcross;
    if (down == 2) return Upsampling::kTriangleBoth;
  }
  return Upsampling::kRepeat;
}

void check_factors(const Component& component, const Factors& most, std::size_t index) {
  if (most.across % component.horizontal_factor == 0 && most.down % component.vertical_factor == 0) {
    return;
  }
  throw ReadError(FailureKind::image,
                  "component " + std::to_string(index) +
                      " is subsampled by a fraction; save the image with whole sampling factors");
}

}  // namespace

ComponentSamples::ComponentSamples(const Image& frame, std::size_t index, Range columns,
                                   int64_t first_strip)
    : component_(frame.components[index]) {
  const Factors most = most_factors(frame);
  check_factors(component_, most, index);
  vertical_factor_ = frame.components.size() == 1 ? 1 : component_.vertical_factor;
  across_ = most.across / component_.horizontal_factor;
  down_ = most.down / component_.vertical_factor;
  width_ = divided_up(frame.width, across_);
  height_ = divided_up(frame.height, down_);
  upsampling_ = upsampling_of(across_, down_, width_);

  const bool is_triangle_down =
      upsampling_ == Upsampling::kTriangleDown || upsampling_ == Upsampling::kTriangleBoth;
  first_row_ = first_strip / down_;
  if (is_triangle_down && first_strip % 2 == 0) first_row_ = std::max<int64_t>(first_row_ - 1, 0);
  columns_ = {columns.begin / across_, divided_up(columns.end, across_)};
  blocks_ = {std::max<int64_t>(columns_.begin - 1, 0) / kBlock,
             std::min(columns_.end, width_ - 1) / kBlock + 1};
  pitch_ = (kMargin + (blocks_.end - blocks_.begin + 2) * kBlock) * kStripRows;
  ring_.resize(static_cast<size_t>(2 * vertical_factor_ * pitch_));
  if (upsampling_ != Upsampling::kNone) {
    const int64_t pixels = (columns_.end - columns_.begin) * across_;
    pixels_.resize(static_cast<size_t>((pixels + kBlock) * kStripRows));
  }
}

uint8_t* ComponentSamples::row(int64_t index) {
  const int64_t slot = index % (2 * vertical_factor_);
  return ring_.data() + slot * pitch_ + kMargin * kStripRows;
}

int64_t ComponentSamples::last_row(int64_t strip) const {
  const int64_t last = divided_up(height_, kBlock) - 1;
  const bool looks_below = upsampling_ == Upsampling::kTriangleDown ||
                           upsampling_ == Upsampling::kTriangleBoth;
  return std::min(strip / down_ + (looks_below && strip % 2 == 1 ? 1 : 0), last);
}

void ComponentSamples::take(const BlockRows& rows, std::size_t index, int64_t row_of_mcus) {
  const int64_t row_count = divided_up(height_, kBlock);
  for (int64_t i = 0; i < vertical_factor_; ++i) {
    const int64_t block_row = row_of_mcus * vertical_factor_ + i;
    if (block_row < first_row_ || block_row >= row_count) continue;
    const int16_t* blocks = rows.blocks(index, static_cast<std::size_t>(i));
    inverse_dct({blocks + blocks_.begin * block_coefficients, component_.quantization.data(),
                 blocks_.end - blocks_.begin, row(block_row)});
    pad_edges(block_row);
  }
}

// Triangles see the samples at the edges once more beyond them.
void ComponentSamples::pad_edges(int64_t block_row) {
  uint8_t* samples = row(block_row);
  const int64_t left = (blocks_.end - blocks_.begin) * kBlock;
  const int64_t true_end = width_ - blocks_.begin * kBlock;
  if (const int64_t rows_left = height_ - block_row * kBlock; rows_left < kStripRows) {
    for (int64_t column = 0; column < left; ++column) {
      uint8_t* at = samples + column * kStripRows;
      std::fill(at + rows_left, at + kStripRows, at[rows_left - 1]);
    }
  }
  if (blocks_.begin == 0) std::memcpy(samples - kStripRows, samples, kStripRows);
  if (true_end <= left) {
    uint8_t* end = samples + true_end * kStripRows;
    std::memcpy(end, end - kStripRows, kStripRows);
  }
}

const uint8_t* ComponentSamples::upsampled(int64_t strip) {
  const int64_t last = divided_up(height_, kBlock) - 1;
  const int64_t block_row = strip / down_;
  const int64_t offset = (columns_.begin - blocks_.begin * kBlock) * kStripRows;
  const uint8_t* samples = row(block_row) + offset;
  if (upsampling_ == Upsampling::kNone) return samples;

  // The last row of the strip above and the first one of the strip below are looked at.
  const uint8_t* above = block_row == 0 ? samples : row(block_row - 1) + offset + kStripRows - 1;
  const uint8_t* below =
      block_row == last ? samples + kStripRows - 1 : row(block_row + 1) + offset;
  const UpsampledStrip task{samples, above,  below, (strip % down_) * kStripRows,
                            columns_.end - columns_.begin,
                            across_, down_, pixels_.data()};
  switch (upsampling_) {
    case Upsampling::kTriangleAcross:
      triangle_across(task);
      break;
    case Upsampling::kTriangleDown:
      triangle_down(task);
      break;
    case Upsampling::kTriangleBoth:
      triangle_both(task);
      break;
    default:
      repeat(task);
  }
  return pixels_.data();
}

PixelStrips::PixelStrips(BlockRows& rows, PixelColor color, Range columns, int64_t first)
    : rows_(rows) {
  const Image& frame = rows.frame();
  is_ycc_ = frame.color_space == ColorSpace::ycbcr;
  is_luma_wanted_ = color == PixelColor::kGray && frame.color_space != ColorSpace::gray;
  channels_ = color == PixelColor::kGray || frame.color_space == ColorSpace::gray ? 1 : 3;
  const int64_t step = most_factors(frame).across;
  skipped_ = columns.begin % step;
  const Range decoded{columns.begin - skipped_, columns.end};
  for (std::size_t i = 0; i < frame.components.size(); ++i) {
    components_.emplace_back(frame, i, decoded, first);
  }
  pixels_of_strip_ = (decoded.end - decoded.begin + kBlock) * kStripRows;
  if (is_ycc_ || is_luma_wanted_) colors_.resize(static_cast<size_t>(4 * pixels_of_strip_));
}

void PixelStrips::read_until(int64_t row_of_mcus) {
  while (row_of_mcus_ < row_of_mcus) {
    if (!rows_.next()) throw std::logic_error("the rows of blocks end before the image");
    ++row_of_mcus_;
    for (std::size_t i = 0; i < components_.size(); ++i) {
      components_[i].take(rows_, i, row_of_mcus_);
    }
  }
}

Strip PixelStrips::strip(int64_t index) {
  for (const ComponentSamples& component : components_) {
    read_until(component.last_row(index) / component.vertical_factor());
  }
  Strip strip{};
  for (std::size_t i = 0; i < components_.size(); ++i) strip[i] = components_[i].upsampled(index);
  const int64_t count = pixels_of_strip_ - kBlock * kStripRows;  // fewer than there is room for
  uint8_t* colors = colors_.data();
  if (is_ycc_) {
    const ThreeChannels pixels{
        {strip[0], strip[1], strip[2]},
        {colors, colors + pixels_of_strip_, colors + 2 * pixels_of_strip_},
        count};
    rgb_of_ycc(pixels);
    strip = {pixels.to[0], pixels.to[1], pixels.to[2]};
  }
  if (is_luma_wanted_) {
    uint8_t* luma = colors + 3 * pixels_of_strip_;
    luma_of_rgb({{strip[0], strip[1], strip[2]}, luma, count});
    strip = {luma, nullptr, nullptr};
  }
  for (const uint8_t*& channel : strip) {
    if (channel != nullptr) channel += skipped_ * kStripRows;
  }
  return strip;
}

}  // namespace jpegcompile::integer
