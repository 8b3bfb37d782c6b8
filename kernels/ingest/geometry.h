// Whether the inputs of an ingest fit together, and which image they make.
#pragma once

#include <cstdint>
#include <span>

#include "tiles/map.h"
#include "tiles/tensor.h"

namespace jpegcompile {

// Components that share their matrices.
struct PlaneGeometry {
  Shape quantised;                  // [N, components, block rows, block columns, 8, 8]
  std::span<const int64_t> tables;  // of the components
  int64_t rows_taken = 0, rows_made = 0, columns_taken = 0, columns_made = 0;  // by the matrices
};

// What is the same for all planes.
struct MixingGeometry {
  Shape quantization;  // [N, tables, 8, 8]
  Shape mixing;        // [channels, components of all planes, 1, 1]
  Shape offset;        // of the channels
};

// The map that they make, in planes. Throws KernelError for inputs that do not fit together.
Map image_of(std::span<const PlaneGeometry> planes, const MixingGeometry& mixing);

}  // namespace jpegcompile
