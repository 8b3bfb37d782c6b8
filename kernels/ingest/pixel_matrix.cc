#include "ingest/pixel_matrix.h"

#include <cmath>
#include <numbers>

namespace jpegcompile {
namespace {

// Element (frequency, pixel) of the orthonormal DCT-II.
double dct(int64_t frequency, int64_t pixel, int block) {
  const double angle = static_cast<double>((2 * pixel + 1) * frequency) * std::numbers::pi /
                       (2.0 * block);
  return std::cos(angle) * std::sqrt((frequency == 0 ? 1.0 : 2.0) / block);
}

PixelMatrix pixels_of(const Tensor& matrix, int64_t pixels, int64_t coefficients,
                      int64_t pixel_step,
                      int64_t coefficient_step, int block) {
  if (matrix.shape.rank() != 2 || pixels % block != 0 || coefficients % kFrequencies != 0) {
    throw KernelError("a matrix of the ingest has shape " + matrix.shape.text() +
                      "; it must be for whole blocks");
  }
  PixelMatrix made{pixels, coefficients / kFrequencies, {}};
  made.values.resize(static_cast<size_t>(pixels * coefficients), 0.0);
  for (int64_t pixel = 0; pixel < pixels; ++pixel) {
    double* row = made.values.data() + pixel * coefficients;
    for (int64_t frequency = 0; frequency < block; ++frequency) {
      const double factor = dct(frequency, pixel % block, block);
      const float* from =
          matrix.floats() + (pixel / block * block + frequency) * pixel_step;
      for (int64_t index = 0; index < coefficients; ++index) {
        row[index] += factor * from[index * coefficient_step];
      }
    }
  }
  return made;
}

}  // namespace

PixelMatrix PixelMatrix::of_left(const Tensor& matrix, int block) {
  return pixels_of(matrix, matrix.shape[0], matrix.shape[1], matrix.shape[1], 1, block);
}

PixelMatrix PixelMatrix::of_right(const Tensor& matrix, int block) {
  return pixels_of(matrix, matrix.shape[1], matrix.shape[0], 1, matrix.shape[1], block);
}

}  // namespace jpegcompile
