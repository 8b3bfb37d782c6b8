#include "preprocess/image_rows.h"

#include <algorithm>
#include <utility>

namespace jpegcompile {

ImageRows::ImageRows(Image image) : image_(std::move(image)) {
  for (size_t index = 0; index < image_.components.size(); ++index) {
    const Component& component = image_.components[index];
    const auto rows = static_cast<int64_t>(component.block_rows);
    const int64_t factor = image_.components.size() == 1 ? 1 : component.vertical_factor;
    mcu_rows_ = std::max(mcu_rows_, (rows + factor - 1) / factor);
    const size_t count = component.block_columns * block_coefficients;
    const int16_t* const last = component.coefficients.get() + (component.block_rows - 1) * count;
    last_rows_.emplace_back(last, last + count).resize(count + block_coefficients);
  }
}

bool ImageRows::next() { return ++mcu_row_ < mcu_rows_; }

const int16_t* ImageRows::blocks(size_t component, size_t row) const {
  const Component& from = image_.components[component];
  const size_t factor =
      image_.components.size() == 1 ? 1 : static_cast<size_t>(from.vertical_factor);
  const size_t index = static_cast<size_t>(mcu_row_) * factor + row;
  if (index + 1 == from.block_rows) return last_rows_[component].data();
  return from.coefficients.get() + index * from.block_columns * block_coefficients;
}

}  // namespace jpegcompile
