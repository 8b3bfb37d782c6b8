#include "preprocess/integer/pixel_strips.h"

#include <algorithm>
#include <stdexcept>

#include "preprocess/integer/color.h"
#include "preprocess/integer/vectors.h"

namespace jpegcompile::integer {

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
    rows.keep(i, components_[i].blocks());
  }
  first_row_of_mcus_ =
      std::ranges::min_element(components_, {}, &ComponentSamples::first_row_of_mcus)
          ->first_row_of_mcus();
  pixels_of_strip_ = (decoded.end - decoded.begin) * kStripRows;
  if (is_ycc_ || is_luma_wanted_) colors_.resize(static_cast<size_t>(4 * plane()));
}

void PixelStrips::read_until(int64_t row_of_mcus) {
  while (row_of_mcus_ < row_of_mcus) {
    ++row_of_mcus_;
    if (!(row_of_mcus_ < first_row_of_mcus_ ? rows_.skip() : rows_.next())) {
      throw std::logic_error("the file has too few rows of MCUs");
    }
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
  uint8_t* colors = colors_.data();
  if (is_ycc_) {
    const ThreeChannels pixels{{strip[0], strip[1], strip[2]},
                               {colors, colors + plane(), colors + 2 * plane()},
                               pixels_of_strip_};
    rgb_of_ycc(pixels);
    strip = {pixels.to[0], pixels.to[1], pixels.to[2]};
  }
  if (is_luma_wanted_) {
    uint8_t* luma = colors + 3 * plane();
    luma_of_rgb({{strip[0], strip[1], strip[2]}, luma, pixels_of_strip_});
    strip = {luma, nullptr, nullptr};
  }
  for (const uint8_t*& channel : strip) {
    if (channel != nullptr) channel += skipped_ * kStripRows;
  }
  return strip;
}

}  // namespace jpegcompile::integer
