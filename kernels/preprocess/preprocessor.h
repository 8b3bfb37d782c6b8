// Converts batches of JPEG files to a network's input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
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

// Properties of a file that its header states.
struct FrameHeader {
  uint32_t height = 0, width = 0;
  std::vector<std::pair<int, int>> sampling;  // horizontal and vertical factors
  ColorSpace color_space = ColorSpace::gray;
  int orientation = 1;

  bool operator==(const FrameHeader&) const = default;
};

// Why a file failed: a read error, or a frame that the network's preprocessing does not accept.
struct Failure {
  size_t index = 0;  // of the source
  std::optional<ReadError> error;
  std::optional<FrameHeader> frame;
};

// Returns the placement of the source with this index, or nothing to refuse its frame. Threads call
// it at once. An exception fails the whole batch.
using Placer = std::function<std::optional<Placement>(size_t index, const FrameHeader& frame)>;

struct PreprocessOptions {
  bool tolerant = false;
  uint64_t max_pixels = 0;
  size_t threads = 1;
  bool checks_all = false;  // whether to read files to their end, to detect damage
  size_t cache_bytes = size_t{1} << 26;  // for operators
  size_t max_sum_bytes = kMaxSumBytes;  // memory budget of an image, see pieces.h
  // Color of the integer decode; without it, files are decoded by the float decode.
  std::optional<PixelColor> integers = {};
};

class Preprocessor {
 public:
  // Throws std::invalid_argument for an unsupported resize filter, and for numbers and options that
  // do not match.
  Preprocessor(NetworkNumbers network, const PreprocessOptions& options);

  const NetworkNumbers& network() const { return network_; }
  size_t views() const { return views_.size(); }
  // Number of elements, and of bytes, of all views of one image.
  size_t image_size() const { return views() * network_.view_size(); }
  size_t image_bytes() const { return views() * network_.view_bytes(); }

  // Writes the views of all sources to `out`, one after another, each [C][H][W] or [H][W][C].
  // Writes zeros for sources that fail, and returns the failures in the order of the sources.
  // A `placer` replaces the network's geometry; it requires the float decode and one view.
  // Thread-safe. Throws std::invalid_argument for a placer that is not possible, what the placer
  // throws, std::bad_alloc, and exceptions that indicate a defect of this library.
  std::vector<Failure> run(std::span<const Source> sources, void* out,
                           const Placer& placer = nullptr);
  // Writes the views of one file whose coefficients were already read. Throws FrameRefused and
  // ReadError.
  void take(Image image, void* out);

 private:
  friend class Batch;
  // The placement of one image; empty for the network's geometry.
  using Place = std::function<std::optional<Placement>(const FrameHeader& frame)>;
  void read(const Source& source, const Place& place, void* out);

  // Everything that depends only on a frame's header.
  struct Prepared {
    std::vector<Placement> placements;
    std::vector<Plan> plans;  // for each placement; empty with the integer decode
    FrameHeader frame;        // header of the frame
  };
  // Throws FrameRefused.
  void prepare(const Image& frame, const Place& place, Prepared& prepared);
  // Throws what `passes` throws, possibly after it has written a part of `out`.
  void take(Passes& passes, const Prepared& prepared, void* out);

  const NetworkNumbers network_;
  const std::vector<Geometry> views_;
  const PreprocessOptions options_;
  Operators operators_;
  Integers integers_;  // only with the integer decode
};

}  // namespace jpegcompile
