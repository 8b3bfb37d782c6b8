// The ingest as other operators use it that begin with it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "ort/kernel.h"
#include "tiles/map.h"

namespace jpegcompile {

// The inputs of a plane of coefficients: the plane, the numbers of its components' tables, and its
// matrices.
struct PlaneInputs {
  In quantised, tables, rows, columns;
};

// Luma, and chroma of both colours.
inline constexpr size_t kMostPlanes = 2;

// The planes of a node: luma alone for grey files.
std::span<const PlaneInputs> planes_of(const Node& node);

// The numbers of tables that such an input holds.
inline std::span<const int64_t> table_numbers(const Tensor& tables) {
  return {tables.as<int64_t>(), static_cast<size_t>(tables.shape.elements())};
}

// Reads the inputs of a node that are inputs of JpegIngest or JpegIngestGray.
class ImageIngest {
 public:
  virtual ~ImageIngest() = default;
  // The map of all images of a call. Throws KernelError for inputs that do not fit together.
  virtual Map map(const Call& call) const = 0;
  // Images [first, first + count) into `y`, NCHW.
  virtual void ingest(const Call& call, int64_t first, int64_t count, float* y) const = 0;
};

std::unique_ptr<ImageIngest> image_ingest(const Node& node);

}  // namespace jpegcompile
