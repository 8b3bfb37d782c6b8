// A transposed convolution as convolutions of stride 1, one for each phase of its stride.
//
// Along an axis output o is at o + pad = q stride + phase. It sums over the taps whose place in the
// kernel, dilated, has the same phase, and a tap `back` strides into the kernel reads input
// q - back. So nothing is multiplied by the zeros that the definition puts between inputs.
#pragma once

#include <cstdint>
#include <vector>

#include "conv/weights.h"
#include "ort/kernel.h"
#include "tiles/map.h"

namespace jpegcompile {

// A tap of the kernel along one axis: where it stands there, and how far back it reads.
struct TransposedTap {
  int64_t place, back;
};

// Taps of one phase, of which there are some.
struct Phase {
  int64_t phase;
  std::vector<TransposedTap> taps;
};

// One axis of the geometry.
struct TransposedAxis {
  int64_t stride, pad_begin, pad_end, dilation, output_padding;
  int64_t kernel = 0;
  std::vector<Phase> phases = {};

  // Lists the taps of a kernel of so many.
  void put_kernel(int64_t taps);
  // Whether outputs of some phases are sums of nothing.
  bool has_gaps() const { return static_cast<int64_t>(phases.size()) < stride; }
  // Outputs of so many inputs; less than 1 where there are none.
  int64_t outputs(int64_t inputs) const;
  // Zeros that are read before and behind the inputs.
  int64_t zeros_before() const;
  int64_t zeros_behind() const;
};

struct TransposedGeometry {
  TransposedAxis y, x;
  int64_t group = 1;

  // As the node states it.
  Window window() const;
};

struct TransposedWeights {
  Weights shape;  // channels, groups and pads of the convolutions; nothing is packed there
  TransposedGeometry geometry;
  // Groups of inputs that a group of outputs reads.
  std::vector<Taps> reads;
  // For each pair of phases, y before x, and each group of 16 outputs of it
  // [input groups][taps along y][taps along x][16][16].
  Buffer packed;
  std::vector<size_t> begins;

  const float* of(size_t phase_y, size_t phase_x, int64_t output_group) const;
};

// The attributes strides, pads, dilations, output_padding and group. Throws KernelError for those
// that mean nothing.
TransposedGeometry transposed_geometry(const Node& node);

// What weights [C, M / group, kh, kw] are for, nothing packed. Throws KernelError if they do not fit
// the geometry.
TransposedWeights described_transposed(const Tensor& weight, const TransposedGeometry& geometry);

// Packs such weights. Throws KernelError for the same.
TransposedWeights pack_transposed(const Tensor& weight, const TransposedGeometry& geometry);

// The map that is made of another, in whole blocks. Throws KernelError if there is none.
Shape transposed_shape(const TransposedWeights& weights, const Map& input, int output_block);

}  // namespace jpegcompile
