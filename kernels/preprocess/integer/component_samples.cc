#include "preprocess/integer/component_samples.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "preprocess/integer/inverse_dct.h"
#include "preprocess/integer/vectors.h"

namespace jpegcompile::integer {
namespace {

constexpr int64_t kBlock = 8;
// Number of extra columns before a strip, for the sample beyond the edge. There are twice as many
// after the strip, since whole vectors are read. The margin is a whole block for alignment.
constexpr int64_t kMargin = kBlock;

int64_t divided_up(int64_t value, int64_t divisor) { return (value + divisor - 1) / divisor; }

// Returns the method that jdsample.c chooses with fancy upsampling.
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
  const bool are_whole = most.across % component.horizontal_factor == 0 &&
                         most.down % component.vertical_factor == 0;
  if (are_whole) return;
  throw ReadError(FailureKind::unsupported,
                  "component " + std::to_string(index) +
                      " is subsampled by a fraction; save the image with whole sampling factors");
}

}  // namespace

Factors most_factors(const Image& frame) {
  Factors most;
  for (const Component& component : frame.components) {
    most.across = std::max<int64_t>(most.across, component.horizontal_factor);
    most.down = std::max<int64_t>(most.down, component.vertical_factor);
  }
  return most;
}

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

  looks_beyond_ =
      upsampling_ == Upsampling::kTriangleDown || upsampling_ == Upsampling::kTriangleBoth;
  last_row_ = divided_up(height_, kBlock) - 1;
  first_row_ = first_strip / down_;
  if (looks_beyond_ && first_strip % 2 == 0) first_row_ = std::max<int64_t>(first_row_ - 1, 0);
  columns_ = {columns.begin / across_, divided_up(columns.end, across_)};
  blocks_ = {std::max<int64_t>(columns_.begin - 1, 0) / kBlock,
             std::min(columns_.end, width_ - 1) / kBlock + 1};
  pitch_ = ((blocks_.end - blocks_.begin) * kBlock + 3 * kMargin) * kStripRows;
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
  const int64_t below = looks_beyond_ && strip % 2 == 1 ? 1 : 0;
  return std::min(strip / down_ + below, last_row_);
}

void ComponentSamples::take(const BlockRows& rows, std::size_t index, int64_t row_of_mcus) {
  for (int64_t i = 0; i < vertical_factor_; ++i) {
    const int64_t block_row = row_of_mcus * vertical_factor_ + i;
    if (block_row < first_row_ || block_row > last_row_) continue;
    const int16_t* blocks = rows.blocks(index, static_cast<std::size_t>(i));
    inverse_dct({blocks + blocks_.begin * block_coefficients, component_.quantization.data(),
                 blocks_.end - blocks_.begin, row(block_row)});
    pad_edges(block_row);
  }
}

// Repeats the samples at the edges, since triangle upsampling reads one sample beyond them.
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
  const int64_t block_row = strip / down_;
  const int64_t offset = (columns_.begin - blocks_.begin * kBlock) * kStripRows;
  const uint8_t* samples = row(block_row) + offset;
  if (upsampling_ == Upsampling::kNone) return samples;

  // The last row of the block above and the first row of the block below. At the edges of the
  // image, the block's own first or last row.
  constexpr int64_t kLast = kStripRows - 1;
  const uint8_t* above = block_row == 0 ? samples : row(block_row - 1) + offset + kLast;
  const uint8_t* below = block_row == last_row_ ? samples + kLast : row(block_row + 1) + offset;
  const UpsampledStrip task{.samples = samples,
                            .above = above,
                            .below = below,
                            .first_row = (strip % down_) * kStripRows,
                            .columns = columns_.end - columns_.begin,
                            .across = across_,
                            .down = down_,
                            .to = pixels_.data()};
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

}  // namespace jpegcompile::integer
