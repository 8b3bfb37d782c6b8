// The first convolution of a network as a sum of responses.
#pragma once

#include <array>
#include <cstdint>

#include "conv/convolution.h"
#include "ingest_conv/responses.h"

namespace jpegcompile {

// Coefficients of a call: a tensor for each layer, [N, components, rows, columns, 8, 8], and the
// numbers of the tables of its components.
struct QuantisedImages {
  struct Planes {
    Tensor quantised;
    const int64_t* tables;
  };
  std::array<Planes, kMostLayers> planes;
  Tensor quantization;  // [N, tables, 8, 8]

  int64_t image_coefficients(size_t layer) const;
  const int16_t* image(size_t layer, int64_t index) const;
};

// Vectors of 16 sums that an image asks for: as many for each of its coefficients that are not zero
// as there are outputs that its block reaches, times groups of channels.
int64_t vectors_of(const Responses& responses, int64_t groups, const QuantisedImages& images,
                   int64_t image);

// Images [first, first + count) of `task`, whose input is not read.
void convolve_sparsely(const Call& call, const Convolution& task, const Responses& responses,
                       const QuantisedImages& images, int64_t first, int64_t count);

}  // namespace jpegcompile
