// Rows of blocks of an image whose coefficients are all there.
#pragma once

#include <vector>

#include "jpeg/block_rows.h"

namespace jpegcompile {

class ImageRows : public BlockRows {
 public:
  explicit ImageRows(Image image);

  const Image& frame() const noexcept override { return image_; }
  bool next() override;
  const int16_t* blocks(size_t component, size_t row) const override;

 private:
  Image image_;
  int64_t mcu_row_ = -1, mcu_rows_ = 0;
  // The last block row of each component, with a block behind it that may be read.
  std::vector<std::vector<int16_t>> last_rows_;
};

}  // namespace jpegcompile
