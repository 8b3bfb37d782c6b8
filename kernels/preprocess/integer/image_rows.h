// The rows of an image whose coefficients are all in memory.
#pragma once

#include <vector>

#include "jpeg/block_rows.h"

namespace jpegcompile::integer {

class ImageRows final : public BlockRows {
 public:
  // `image` outlives the rows.
  explicit ImageRows(const Image& image);

  const Image& frame() const noexcept override { return image_; }
  bool next() override;
  const std::int16_t* blocks(std::size_t component, std::size_t row) const override;

 private:
  std::size_t vertical_factor(std::size_t component) const;

  const Image& image_;
  // The last row of blocks of each component, behind which there is one block more.
  std::vector<std::vector<std::int16_t>> last_rows_;
  std::size_t row_of_mcus_ = 0;
  bool has_begun_ = false;
};

}  // namespace jpegcompile::integer
