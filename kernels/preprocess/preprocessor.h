// From JPEG files to a network's input, many at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "jpeg/coefficients.h"
#include "preprocess/integer_views.h"
#include "preprocess/passes.h"
#include "preprocess/pieces.h"
#include "preprocess/plan.h"

namespace jpegcompile {

// What the header of a file says.
struct FrameHeader {
  uint32_t height = 0, width = 0;
  std::vector<std::pair<int, int>> sampling;  // horizontal and vertical factors
  ColorSpace color_space = ColorSpace::gray;
  int orientation = 1;

  bool operator==(const FrameHeader&) const = default;
};

// Why a file was not read: an error of the file, or a frame that the network does not take.
struct Failure {
  size_t index = 0;  // among the sources
  std::optional<ReadError> error;
  std::optional<FrameHeader> frame;
};

struct PreprocessOptions {
  bool tolerant = false;
  uint64_t max_pixels = 0;
  size_t threads = 1;
  bool checks_all = false;  // decodes what the network does not see, too, to learn of damage
  size_t cache_bytes = size_t{1} << 26;  // of operators
  size_t max_sum_bytes = kMaxSumBytes;  // of an image in the making
  // The integers of libjpeg-turbo and Pillow in this colour, in place of the float decode.
  std::optional<PixelColor> integers = {};
};

class Preprocessor {
 public:
  // Throws std::invalid_argument for a resize filter that there is not, and for numbers and options
  // that do not go with each other.
  Preprocessor(NetworkNumbers network, const PreprocessOptions& options);

  const NetworkNumbers& network() const { return network_; }
  size_t views() const { return views_.size(); }
  // Numbers and bytes of one image, all of its views.
  size_t image_size() const { return views() * network_.view_size(); }
  size_t image_bytes() const { return views() * network_.view_bytes(); }

  // Writes every source's views, each [C][H][W] or [H][W][C], to `out`, one behind the other, and
  // zeros for those that failed, which it returns in the order of the sources. May be called by
  // several threads.
  // Throws std::bad_alloc, or what is a defect of this library.
  std::vector<Failure> run(std::span<const Source> sources, void* out);
  // The same for one file whose coefficients somebody else has. Throws FrameRefused, and ReadError.
  void take(Image image, void* out);

 private:
  friend class Batch;
  void read(const Source& source, void* out);

  // How the views of a frame come to the network.
  struct Prepared {
    std::vector<Placement> placements;
    std::vector<Plan> plans;  // for each placement; none of integers
    FrameHeader frame;        // that they are of
  };
  // Throws FrameRefused.
  void prepare(const Image& frame, Prepared& prepared);
  // May throw what `passes` throws when a part of `out` is written.
  void take(Passes& passes, const Prepared& prepared, void* out);

  const NetworkNumbers network_;
  const std::vector<Geometry> views_;
  const PreprocessOptions options_;
  Operators operators_;
  Integers integers_;  // if they are wanted
};

}  // namespace jpegcompile
