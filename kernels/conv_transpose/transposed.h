// A transposed convolution, computed as one convolution of stride 1 for each phase of its stride.
//
// Along an axis, output o is at o + pad = q stride + phase. Its sum contains only the taps whose
// dilated position has the same phase. A tap `back` strides into the kernel reads input q - back.
// So the zeros that the definition inserts between inputs are never multiplied.
#pragma once

#include <cstdint>
#include <vector>

#include "conv/weights.h"
#include "ort/kernel.h"
#include "tiles/map.h"

namespace jpegcompile {

// A tap of the kernel along one axis: its index, and how far back it reads.
struct TransposedTap {
  int64_t place, back;
};

// The taps of one phase; at least one.
struct Phase {
  int64_t phase;
  std::vector<TransposedTap> taps;
};

// One axis of the geometry.
struct TransposedAxis {
  int64_t stride, pad_begin, pad_end, dilation, output_padding;
  int64_t kernel = 0;
  std::vector<Phase> phases = {};

  // Computes the phases of a kernel with this number of taps.
  void put_kernel(int64_t taps);
  // Whether the outputs of some phases have no terms.
  bool has_gaps() const { return static_cast<int64_t>(phases.size()) < stride; }
  // Number of outputs for this number of inputs; less than 1 if there are none.
  int64_t outputs(int64_t inputs) const;
  // Number of zeros read before and after the inputs.
  int64_t zeros_before() const;
  int64_t zeros_behind() const;
};

struct TransposedGeometry {
  TransposedAxis y, x;
  int64_t group = 1;

  // The window, with the values of the node's attributes.
  Window window() const;
};

struct TransposedWeights {
  Weights shape;  // channels, groups and pads of the convolutions; without packed weights
  TransposedGeometry geometry;
  // The input groups that an output group reads.
  std::vector<Taps> reads;
  // Packed weights for each pair of phases, y before x, and each output group: [input groups][taps
  // along y][taps along x][16][16].
  Buffer packed;
  std::vector<size_t> begins;

  const float* of(size_t phase_y, size_t phase_x, int64_t output_group) const;
};

// Returns the attributes strides, pads, dilations, output_padding and group. Throws KernelError for
// invalid attributes.
TransposedGeometry transposed_geometry(const Node& node);

// Returns the description of weights [C, M / group, kh, kw], without packed weights. Throws
// KernelError if they do not match the geometry.
TransposedWeights described_transposed(const Tensor& weight, const TransposedGeometry& geometry);

// Packs such weights. Throws KernelError as described_transposed does.
TransposedWeights pack_transposed(const Tensor& weight, const TransposedGeometry& geometry);

// Returns the shape of the output, which consists of whole blocks. Throws KernelError if there is
// no such output.
Shape transposed_shape(const TransposedWeights& weights, const Map& input, int output_block);

}  // namespace jpegcompile
