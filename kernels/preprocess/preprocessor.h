// From JPEG files to a network's input, many at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "jpeg/coefficients.h"
#include "preprocess/plan.h"

namespace jpegcompile {

// What the header of a refused file says.
struct RefusedFrame {
  uint32_t height = 0, width = 0;
  std::vector<std::pair<int, int>> sampling;  // horizontal and vertical factors
  ColorSpace color_space = ColorSpace::gray;
  int orientation = 1;
};

// Why a file was not read: an error of the file, or a frame that the network does not take.
struct Failure {
  size_t index = 0;  // among the sources
  std::optional<ReadError> error;
  std::optional<RefusedFrame> frame;
};

struct PreprocessOptions {
  bool tolerant = false;
  uint64_t max_pixels = 0;
  size_t threads = 1;
  bool checks_all = false;  // decodes what the network does not see, too, to learn of damage
  size_t cache_bytes = size_t{1} << 26;  // of operators
};

class Preprocessor {
 public:
  // Throws std::invalid_argument if there is no such resize filter.
  Preprocessor(NetworkNumbers network, const PreprocessOptions& options);

  const NetworkNumbers& network() const { return network_; }
  // Floats of one image.
  size_t image_size() const;

  // Writes every source's [C][H][W] or [H][W][C] to `out`, one behind the other, and zeros for those
  // that failed, which it returns in the order of the sources. May be called by several threads.
  // Throws std::bad_alloc alone.
  std::vector<Failure> run(std::span<const Source> sources, float* out);

 private:
  friend class Batch;
  void read(std::span<const unsigned char> bytes, float* out);

  const NetworkNumbers network_;
  const PreprocessOptions options_;
  Operators operators_;
};

}  // namespace jpegcompile
