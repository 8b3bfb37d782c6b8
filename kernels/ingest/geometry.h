// Checks that the inputs of an ingest match, and computes the shape of the image.
#pragma once

#include <cstdint>
#include <span>

#include "tiles/map.h"
#include "tiles/tensor.h"

namespace jpegcompile {

// Components that share their matrices.
struct PlaneGeometry {
  Shape quantized;                  // [N, components, block rows, block columns, 8, 8]
  std::span<const int64_t> tables;  // table number of each component
  // inputs and outputs of the matrices
  int64_t rows_taken = 0, rows_made = 0, columns_taken = 0, columns_made = 0;
};

// Inputs common to all planes.
struct MixingGeometry {
  Shape quantization;  // [N, tables, 8, 8]
  Shape mixing;        // [channels, components of all planes, 1, 1]
  Shape offset;        // one number per channel
};

// Returns the resulting map, NCHW. Throws KernelError for inputs that do not match.
Map image_of(std::span<const PlaneGeometry> planes, const MixingGeometry& mixing);

}  // namespace jpegcompile
