// One axis of a component of a file as a banded matrix, from its DCT coefficients to the axis of the
// network's input: inverse DCT, upsampling, resize, crop, mirroring and flip composed.
//
// The matrices are made in float64 and rounded once. There is one form for each of the two steps.
//
// Where the placement is scaled, only the first frequencies of each block are used, as
// jpegcompile/dct/axis_operator.py explains.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "preprocess/memory.h"
#include "preprocess/placement.h"
#include "preprocess/resampling/taps.h"

namespace jpegcompile {

// Samples of a block along an axis, and outputs of a chunk.
inline constexpr int64_t kBlock = 8;

struct AxisKey {
  AxisPlacement placement;
  int64_t true_size = 0;  // of the component's axis, in samples
  int64_t factor = 1;     // pixels to a sample
  bool is_triangle = false;  // whether a factor of 2 interpolates
  int64_t block = 1;         // block size of the outputs
  int64_t frequencies = 0;   // of a block that are used; 0: as many as the outputs need

  bool operator==(const AxisKey&) const = default;
};

struct AxisHash {
  size_t operator()(const AxisPlacement& axis) const noexcept;
  size_t operator()(const AxisKey& key) const noexcept;
};

// The step along the stored rows, in the order of the file: what one block row adds to which outputs.
class VerticalOperator {
 public:
  struct BlockRow {
    int64_t first = 0;     // the first output that it adds to
    int64_t count = 0;     // how many
    size_t factors = 0;    // offset of [count][frequencies]
    int64_t complete = 0;  // outputs below that need no later block row
  };

  // `pixels` are the taps of the key's placement. The block size of the key is 1: the forward DCT
  // comes behind.
  VerticalOperator(const AxisKey& key, const AxisTaps& pixels);

  const std::vector<BlockRow>& rows() const { return rows_; }
  const float* factors(const BlockRow& row) const { return factors_.data() + row.factors; }
  // Frequencies of a block that are used: 2, 4 or 8.
  int64_t frequencies_per_block() const { return frequencies_; }
  int64_t outputs() const { return outputs_; }
  // Outputs [first_shown, last_shown) show the image, the others the fill.
  int64_t first_shown() const { return first_shown_; }
  int64_t last_shown() const { return last_shown_; }
  // Whether output i is row outputs - 1 - i of the result.
  bool is_reversed() const { return is_reversed_; }
  // The block rows in front of which and behind which nothing is needed; 0 and -1 where nothing is
  // needed at all.
  int64_t first_row() const { return first_row_; }
  int64_t last_row() const { return last_row_; }
  size_t bytes() const;

 private:
  // Lets the block rows of its inputs know of an output; outputs come in order.
  void add_output(int64_t output, const AxisTaps::Run& run);

  std::vector<BlockRow> rows_;
  std::vector<float> factors_;
  int64_t frequencies_ = kBlock;
  int64_t outputs_ = 0, first_shown_ = 0, last_shown_ = 0, first_row_ = 0, last_row_ = -1;
  bool is_reversed_ = false;
};

// The step along the stored columns: chunks of 8 outputs, each of whole blocks, with the forward DCT
// of the key's block size.
class HorizontalOperator {
 public:
  struct Chunk {
    int64_t first_block = 0, blocks = 0;
    size_t factors = 0;  // offset of [frequencies * blocks][8 outputs]
  };

  // `pixels` are the taps of the key's placement.
  HorizontalOperator(const AxisKey& key, const AxisTaps& pixels);

  const std::vector<Chunk>& chunks() const { return chunks_; }
  const float* factors() const { return factors_.data(); }
  // Frequencies of a block that are used: 2, 4 or 8.
  int64_t frequencies_per_block() const { return frequencies_; }
  // Blocks [first_block, last_block) are read.
  int64_t first_block() const { return first_block_; }
  int64_t last_block() const { return last_block_; }
  // [8 * chunks] each: the transforms of an axis of ones, and of one that is 1 where it shows the
  // image.
  const std::vector<float>& ones() const { return ones_; }
  const std::vector<float>& level() const { return level_; }
  size_t bytes() const;

 private:
  void add_chunk(const AxisTaps& samples, std::span<const AxisTaps::Run> runs, int64_t block);

  std::vector<Chunk> chunks_;
  AlignedFloats factors_;
  std::vector<float> ones_, level_;
  int64_t frequencies_ = kBlock;
  int64_t first_block_ = 0, last_block_ = 0;
};

}  // namespace jpegcompile
