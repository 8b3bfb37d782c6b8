#include "preprocess/integer/image_rows.h"

namespace jpegcompile::integer {

ImageRows::ImageRows(const Image& image) : image_(image) {
  for (const Component& component : image.components) {
    const std::size_t values = component.block_columns * block_coefficients;
    const std::int16_t* end = component.coefficients.get() + component.block_rows * values;
    std::vector<std::int16_t>& row = last_rows_.emplace_back(end - values, end);
    row.resize(values + block_coefficients);
  }
}

std::size_t ImageRows::vertical_factor(std::size_t component) const {
  if (image_.components.size() == 1) return 1;
  return static_cast<std::size_t>(image_.components[component].vertical_factor);
}

bool ImageRows::next() {
  if (has_begun_) ++row_of_mcus_;
  has_begun_ = true;
  return row_of_mcus_ * vertical_factor(0) < image_.components[0].block_rows;
}

const std::int16_t* ImageRows::blocks(std::size_t component, std::size_t row) const {
  const Component& asked = image_.components[component];
  const std::size_t index = row_of_mcus_ * vertical_factor(component) + row;
  if (index + 1 == asked.block_rows) return last_rows_[component].data();
  return asked.coefficients.get() + index * asked.block_columns * block_coefficients;
}

}  // namespace jpegcompile::integer
