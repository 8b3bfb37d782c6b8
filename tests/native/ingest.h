// From files' coefficients and tables to a network's input.
#pragma once

#include <vector>

#include "cases.h"

namespace jpegcompile {

// Planes of coefficients that share their matrices, and the numbers of their tables.
struct Plane {
  Value quantised;  // int16 [N, planes, rows, columns, 8, 8]
  std::vector<int64_t> tables;
  Map rows, columns;  // from the left and from the right
};

// What an ingest is given.
struct Ingest {
  std::vector<Plane> planes;
  Value quantization;  // uint16 [N, tables, 8, 8]
  Map mixing;          // of planes into channels, [channels, planes, 1, 1]
  std::vector<double> offset;
  int64_t block = 8;

  // Inputs of the operators in their order, and which of them is the first matrix.
  std::vector<Value> inputs() const;
  size_t first_matrix() const { return 1 + 4 * planes.size(); }
  // Planes that went through their matrices, and the image that they are mixed to, in blocks.
  Map components() const;
  Map image() const;
};

// Steps from 1 to `most`.
Value random_tables(Random& random, int64_t batch, int64_t count, int64_t most);
Value zero_plane(int64_t batch, int64_t planes, int64_t rows, int64_t columns);

// Coefficients times their steps, as a map of tiles of 8x8.
Map dequantised(const Plane& plane, const Value& quantization);

}  // namespace jpegcompile
