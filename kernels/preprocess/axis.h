// Banded matrices that map one axis of a file's component to an axis of the network's input. A
// matrix maps DCT coefficients to outputs: it composes inverse DCT, upsampling, resize, crop,
// mirroring and flip.
//
// Matrices are computed in float64 and rounded once. The vertical and the horizontal step store
// them in different forms.
//
// With scaled decoding, a matrix uses only the first frequencies of each block; see
// jpegcompile/dct/axis_operator.py.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "preprocess/memory.h"
#include "preprocess/placement.h"
#include "preprocess/resampling/taps.h"

namespace jpegcompile {

// Number of samples of a block along an axis, and of outputs in a chunk.
inline constexpr int64_t kBlock = 8;

struct AxisKey {
  AxisPlacement placement;
  int64_t true_size = 0;  // of the component's axis without padding, in samples
  int64_t factor = 1;     // pixels per sample
  bool is_triangle = false;  // whether a factor of 2 interpolates (fancy upsampling)
  int64_t block = 1;         // block size of the outputs
  int64_t frequencies = 0;   // frequencies of a block to use; 0 to use those that outputs need

  bool operator==(const AxisKey&) const = default;
};

struct AxisHash {
  size_t operator()(const AxisPlacement& axis) const noexcept;
  size_t operator()(const AxisKey& key) const noexcept;
};

// The vertical step: which outputs each block row contributes to, with which factors. Outputs are
// in the order of the file.
class VerticalOperator {
 public:
  struct BlockRow {
    int64_t first = 0;     // first output that the block row contributes to
    int64_t count = 0;     // number of these outputs
    size_t factors = 0;    // offset of the factors [count][frequencies]
    int64_t complete = 0;  // outputs [0, complete) need no later block row
  };

  // `pixels` contains the taps of the key's placement. The key's block size must be 1: the forward
  // DCT along columns is a later step.
  VerticalOperator(const AxisKey& key, const AxisTaps& pixels);

  const std::vector<BlockRow>& rows() const { return rows_; }
  const float* factors(const BlockRow& row) const { return factors_.data() + row.factors; }
  // Number of frequencies of a block that are used: 2, 4 or 8.
  int64_t frequencies_per_block() const { return frequencies_; }
  int64_t outputs() const { return outputs_; }
  // Outputs [first_shown, last_shown) show the image; the others show the fill.
  int64_t first_shown() const { return first_shown_; }
  int64_t last_shown() const { return last_shown_; }
  // Whether output i is row outputs - 1 - i of the result.
  bool is_reversed() const { return is_reversed_; }
  // First and last block row that outputs depend on; 0 and -1 if no output shows the image.
  int64_t first_row() const { return first_row_; }
  int64_t last_row() const { return last_row_; }
  size_t bytes() const;

 private:
  // Adds an output to every block row that it depends on. Outputs must be added in order.
  void add_output(int64_t output, const AxisTaps::Run& run);

  std::vector<BlockRow> rows_;
  std::vector<float> factors_;
  int64_t frequencies_ = kBlock;
  int64_t outputs_ = 0, first_shown_ = 0, last_shown_ = 0, first_row_ = 0, last_row_ = -1;
  bool is_reversed_ = false;
};

// The horizontal step: chunks of 8 outputs, each computed from whole blocks. Includes the forward
// DCT of the key's block size.
class HorizontalOperator {
 public:
  struct Chunk {
    int64_t first_block = 0, blocks = 0;
    size_t factors = 0;  // offset of the factors [frequencies * blocks][8 outputs]
  };

  // `pixels` contains the taps of the key's placement.
  HorizontalOperator(const AxisKey& key, const AxisTaps& pixels);

  const std::vector<Chunk>& chunks() const { return chunks_; }
  const float* factors() const { return factors_.data(); }
  // Number of frequencies of a block that are used: 2, 4 or 8.
  int64_t frequencies_per_block() const { return frequencies_; }
  // The step reads blocks [first_block, last_block).
  int64_t first_block() const { return first_block_; }
  int64_t last_block() const { return last_block_; }
  // Transforms of two constant axes, [8 * chunks] each: `ones` of an axis of ones, `level` of an
  // axis that is 1 where it shows the image and 0 elsewhere.
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
