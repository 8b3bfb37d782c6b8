#include "ingest/cuda_band.h"

#include <algorithm>
#include <bit>

#include "ingest/pixel_matrix.h"

namespace jpegcompile {
namespace {

AxisMatrix pixels_of(const Tensor& matrix, bool is_left, int block) {
  const PixelMatrix made =
      is_left ? PixelMatrix::of_left(matrix, block) : PixelMatrix::of_right(matrix, block);
  const std::vector<float> values(made.values.begin(), made.values.end());
  const Shape shape{made.pixels, made.blocks * kFrequencies};
  return AxisMatrix::of_left({shape, ElementType::kFloat, values.data()}, "a matrix of pixels");
}

AxisBand band_of(const AxisMatrix& matrix) {
  AxisBand band{matrix.outputs, matrix.inputs, 0, {}, {}};
  int64_t needed = kSideOnCuda;
  for (int64_t first = 0; first < matrix.outputs; first += kSideOnCuda) {
    const auto read = matrix.range(first, std::min(first + kSideOnCuda, matrix.outputs));
    const int64_t start = read.first / kFrequencies * kFrequencies;
    band.starts.push_back(static_cast<int32_t>(start));
    needed = std::max(needed, read.last - start);
  }
  band.window = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(needed)));
  put_values(matrix, kSideOnCuda, band);
  return band;
}

}  // namespace

AxisBand ingest_band(const Tensor& matrix, AxisOperand::Side side, int block) {
  const bool is_left = side == AxisOperand::Side::kLeft;
  const AxisMatrix given = AxisOperand::matrix_of(matrix, side, is_left ? "rows" : "columns");
  return band_of(block == 1 ? given : pixels_of(matrix, is_left, block));
}

}  // namespace jpegcompile
