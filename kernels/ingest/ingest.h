// The ingest as other operators use it that begin with it.
#pragma once

#include <cstdint>
#include <memory>

#include "ort/kernel.h"
#include "tiles/map.h"

namespace jpegcompile {

// Reads the first inputs of a node as those of JpegIngest or JpegIngestGray.
class ImageIngest {
 public:
  virtual ~ImageIngest() = default;
  // The map of all images of a call. Throws KernelError for inputs that do not fit together.
  virtual Map map(const Call& call) const = 0;
  // Images [first, first + count) into `y`, NCHW.
  virtual void ingest(const Call& call, int64_t first, int64_t count, float* y) const = 0;
};

// For coefficients of so many inputs: 1 of a grey file, 2 with chroma.
std::unique_ptr<ImageIngest> image_ingest(const Node& node, size_t planes);

}  // namespace jpegcompile
