// The ingest, for operators that begin with it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "ort/kernel.h"
#include "tiles/map.h"

namespace jpegcompile {

// Inputs of a plane of coefficients: the plane, the table numbers of its components, and its
// matrices.
struct PlaneInputs {
  In quantized, tables, rows, columns;
};

// Luma, and chroma (Cb and Cr together).
inline constexpr size_t kMaxPlanes = 2;

// Returns the planes of a node: only luma for grayscale files.
std::span<const PlaneInputs> planes_of(const Node& node);

// The table numbers in such an input.
inline std::span<const int64_t> table_numbers(const Tensor& tables) {
  return {tables.as<int64_t>(), static_cast<size_t>(tables.shape.elements())};
}

// Computes the image from the inputs that a node has in common with JpegIngest or JpegIngestGray.
class ImageIngest {
 public:
  virtual ~ImageIngest() = default;
  // Returns the map of all images of a call. Throws KernelError for inputs that do not match.
  virtual Map map(const Call& call) const = 0;
  // Computes images [first, first + count) into `y`, NCHW.
  virtual void ingest(const Call& call, int64_t first, int64_t count, float* y) const = 0;
};

std::unique_ptr<ImageIngest> image_ingest(const Node& node);

}  // namespace jpegcompile
