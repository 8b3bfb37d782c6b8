// The first convolution of a network as a sum of responses.
#pragma once

#include <array>
#include <cstdint>

#include "conv/convolution.h"
#include "ingest_conv/responses.h"

namespace jpegcompile {

// Coefficients of a call: for each layer a tensor [N, components, rows, columns, 8, 8] and the
// table numbers of its components.
struct QuantizedImages {
  struct Planes {
    Tensor quantized;
    const int64_t* tables;
  };
  std::array<Planes, kMaxLayers> planes;
  Tensor quantization;  // [N, tables, 8, 8]

  int64_t image_coefficients(size_t layer) const;
  const int16_t* image(size_t layer, int64_t index) const;
};

// Returns the number of vectors of 16 sums that an image requires: for each nonzero coefficient,
// the number of outputs that its block affects, times the number of channel groups.
int64_t vectors_of(const Responses& responses, int64_t groups, const QuantizedImages& images,
                   int64_t image);

// Computes images [first, first + count) of `task`, without reading the task's input.
void convolve_sparsely(const Call& call, const Convolution& task, const Responses& responses,
                       const QuantizedImages& images, int64_t first, int64_t count);

}  // namespace jpegcompile
