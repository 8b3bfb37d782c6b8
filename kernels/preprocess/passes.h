// The rows of one file, as often as they are needed.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "jpeg/block_rows.h"

namespace jpegcompile {

class Passes {
 public:
  // Gives rows that stand before the first one.
  using Open = std::function<std::unique_ptr<BlockRows>()>;

  // Throws what `open` throws.
  explicit Passes(Open open) : open_(std::move(open)), rows_(open_()) {}

  // Of the last rows that were given; not to be used once others begin.
  const Image& frame() const { return rows_->frame(); }

  // The rows from the first one on; those that were given before are not to be used any more. Rows
  // that are held as a whole go back to their beginning, others are opened again. Throws what `open`
  // throws.
  BlockRows& begin() {
    if (std::exchange(is_begun_, true) && !rows_->rewind()) {
      rows_.reset();  // before others take memory
      rows_ = open_();
    }
    return *rows_;
  }

  // Reads what is left, of which no block is wanted, to learn of damage.
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
