// Responses: the outputs of a network's first convolution to single coefficients of a file.
//
// All steps from a coefficient to the sums of a convolution are linear, and nearly the same for
// every block. The response of a pair of modes (see modes.h) is a patch of outputs: the outer
// product of two functions of pixels, convolved with a kernel that already contains the color
// mixing:
//
//   R(o, y, x) = sum over ky, kx of W'(o, ky, kx) f(stride y + ky - pad) g(stride x + kx - pad).
//
// Outputs outside the map are dropped. Functions have no pixels outside the image, so zero padding
// is exact.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "conv/weights.h"
#include "ingest_conv/modes.h"
#include "work/workspace.h"

namespace jpegcompile {

// The outputs that a block affects along one axis: `count` outputs from `first` + block * `step`
// on.
struct Reach {
  int64_t first = 0, count = 0, step = 0;

  int64_t of(int64_t block) const { return first + block * step; }
};

// Luma, and chroma (Cb and Cr together).
inline constexpr size_t kMaxLayers = 2;

// Components that share their matrices.
struct Layer {
  int64_t components = 0;
  AxisModes rows, columns;
  Reach down, across;
  Buffer storage;
  // Patches of kTableGroups channel groups are stored side by side, because kernels add both at
  // once: [groups / kTableGroups][down.count][modes][2][across.count][16]
  const float* table = nullptr;

  int64_t component_modes() const { return rows.modes() * columns.modes(); }
  int64_t modes() const { return components * component_modes(); }
  // Floats in one mode's row of a patch, and in a row of the patches of all modes.
  int64_t patch_floats() const { return kTableGroups * across.count * kLanes; }
  int64_t slice() const { return modes() * patch_floats(); }
  int64_t table_floats(int64_t groups) const {
    return (groups + kTableGroups - 1) / kTableGroups * down.count * slice();
  }
  // A row of the patches of two groups, starting with `group`.
  const float* row_of(int64_t group, int64_t row) const {
    return table + (group / kTableGroups * down.count + row) * slice();
  }
};

// The affine part of an ingest and the convolution after it.
struct FirstConvolution {
  Tensor weight;  // [outputs, channels, rows, columns]
  Tensor mixing;  // [channels, components, 1, 1]
  Tensor offset;  // [channels, 1, 1]
  Window window;  // including the kernel's size
  int64_t height = 0, width = 0;  // of the image

  int64_t groups() const { return (weight.shape[0] + kLanes - 1) / kLanes; }
  int64_t output_height() const { return window.output_height(height); }
  int64_t output_width() const { return window.output_width(width); }
};

// The matrices of a plane of coefficients.
struct PlaneMatrices {
  int64_t components;
  PixelMatrix rows, columns;
};

class Responses {
 public:
  // Returns nothing if blocks differ too much, if outputs are not at the same pixels of all blocks,
  // or if tables would be too large.
  static std::unique_ptr<Responses> of(const FirstConvolution& convolution,
                                       const std::vector<PlaneMatrices>& planes);

  const std::vector<Layer>& layers() const { return layers_; }

  // The contribution of the constant offset of all pixels, excluding the zero padding: a row of
  // sums [output width][16].
  const float* base_row(int64_t row, int64_t group) const {
    return base_.data() + (class_of_row_[static_cast<size_t>(row)] * groups_ + group) * base_pitch_;
  }

 private:
  void make_base(const FirstConvolution& convolution);

  std::vector<Layer> layers_;
  std::vector<float> base_;  // [classes of rows][groups][output width][16]
  std::vector<int64_t> class_of_row_;
  int64_t groups_ = 0, base_pitch_ = 0;
};

}  // namespace jpegcompile
