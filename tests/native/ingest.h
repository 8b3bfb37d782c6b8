// Reference of the ingest: from coefficients and tables of files to a network's input.
#pragma once

#include <vector>

#include "cases.h"

namespace jpegcompile {

// Planes of coefficients that share their matrices, and their table numbers.
struct Plane {
  Value quantized;  // int16 [N, planes, rows, columns, 8, 8]
  std::vector<int64_t> tables;
  Map rows, columns;  // left and right matrix
};

// Inputs of an ingest.
struct Ingest {
  std::vector<Plane> planes;
  Value quantization;  // uint16 [N, tables, 8, 8]
  Map mixing;          // from planes to channels, [channels, planes, 1, 1]
  std::vector<double> offset;
  int64_t block = 8;

  // Inputs of the operators in order, and the index of the first matrix.
  std::vector<Value> inputs() const;
  size_t first_matrix() const { return 1 + 4 * planes.size(); }
  // Planes multiplied by their matrices, and the image mixed from them, in blocks.
  Map components() const;
  Map image() const;
};

// Quantization steps from 1 to `most`.
Value random_tables(Random& random, int64_t batch, int64_t count, int64_t most);
Value zero_plane(int64_t batch, int64_t planes, int64_t rows, int64_t columns);

// Coefficients multiplied by their steps, as a map of 8x8 tiles.
Map dequantized(const Plane& plane, const Value& quantization);

}  // namespace jpegcompile
