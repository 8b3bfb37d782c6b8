// Repeated passes over the block rows of one file.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "jpeg/block_rows.h"

namespace jpegcompile {

class Passes {
 public:
  // Returns a reader that is positioned before the first row.
  using Open = std::function<std::unique_ptr<BlockRows>()>;

  // Throws what `open` throws.
  explicit Passes(Open open) : open_(std::move(open)), rows_(open_()) {}

  // Returns the frame of the current pass. Invalid after the next `begin`.
  const Image& frame() const { return rows_->frame(); }

  // Starts a pass at the first row. The reader of the previous pass must not be used any more. A
  // reader that has all rows in memory is rewound; otherwise the file is opened again. Throws what
  // `open` throws.
  BlockRows& begin() {
    if (std::exchange(is_begun_, true) && !rows_->rewind()) {
      rows_.reset();  // free its memory before the next reader allocates
      rows_ = open_();
    }
    return *rows_;
  }

  // Reads the remaining rows without their blocks, to detect damage.
  void finish() {
    while (rows_->skip()) {
    }
  }

 private:
  const Open open_;
  std::unique_ptr<BlockRows> rows_;
  bool is_begun_ = false;
};

}  // namespace jpegcompile
