// From JPEG files to a network's input, many at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "jpeg/block_rows.h"
#include "jpeg/coefficients.h"
#include "preprocess/integer/integer_decode.h"
#include "preprocess/pieces.h"
#include "preprocess/pixels.h"
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
  // The integers of libjpeg-turbo and Pillow in this colour, in place of the float decode.
  std::optional<PixelColor> integers = {};
};

class Preprocessor {
 public:
  // Throws std::invalid_argument if there is no such resize filter, or number of channels.
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
  // The same for one file whose rows somebody else has. Throws FrameRefused, and what `rows` throws.
  void take(BlockRows& rows, void* out);

 private:
  friend class Batch;
  void read(const Source& source, void* out);

  // How the views of a frame come to the network: one of the two.
  struct Prepared {
    std::vector<Plan> plans;            // of floats
    std::vector<Placement> placements;  // of both
    FrameHeader frame;                  // that they are of
  };
  // Throws FrameRefused.
  void prepare(const Image& frame, Prepared& prepared);
  void take(BlockRows& rows, const Prepared& prepared, void* out);
  // View by view, or piece by piece, each of rows that begin anew; `rows` are the first ones.
  template <typename Open>
  void take_apart(const Open& open, std::unique_ptr<BlockRows>& rows, const Prepared& prepared,
                  std::byte* out);
  void take_integers(BlockRows& rows, std::span<const Placement> placements, void* out) const;

  const NetworkNumbers network_;
  const std::vector<Geometry> views_;
  const PreprocessOptions options_;
  Operators operators_;
  PixelNumbers numbers_;        // of integers
  std::vector<uint8_t> fill_;  // of integers, [channels]
};

}  // namespace jpegcompile
