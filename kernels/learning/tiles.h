// Transforms and masks of float maps as PyTorch stores them, for learning.
//
// A vector has one element of each of several lanes: channels if channels come last, and tiles
// otherwise.
#pragma once

#include <cstddef>
#include <cstdint>

namespace jpegcompile {

enum class TileStep {
  kForward,  // pixels to coefficients of the band
  kInverse,  // coefficients of the band to pixels
  kProject,  // pixels to pixels of the band
  kRelu,     // coefficients to coefficients; writes the mask
  kMasked,   // coefficients to coefficients; reads the mask
};

// The work on a map. `from`, `to` and `mask` have the same dense layout; `to` must not be `from`.
struct TileWork {
  TileStep step = TileStep::kForward;
  const float* from = nullptr;
  float* to = nullptr;
  std::uint8_t* mask = nullptr;  // 1 where a pixel is multiplied by `slope`; kRelu and kMasked only
  std::int64_t images = 0, channels = 0;
  std::int64_t height = 0, width = 0;  // multiples of `block`
  bool is_channels_last = false;
  int block = 8;        // 1, 2, 4 or 8
  int frequencies = 0;  // the band, 1 to 2 * block - 1; for kRelu, of the mask
  float slope = 0;      // of pixels that are not positive
};

// `GOMP_parallel` of GNU OpenMP: the threads of a team, this one too, call `part` with `data`.
using Team = void (*)(void (*part)(void*), void* data, unsigned threads, unsigned flags);

// Does the work with up to `threads` threads: those of `team`, or of its own if that is null.
void run_tiles(const TileWork& work, std::size_t threads, Team team);

}  // namespace jpegcompile
