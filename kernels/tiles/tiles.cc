#include "tiles/tiles.h"

#include <string>

namespace jpegcompile {
namespace {

template <int B, typename Isa>
struct Forward {
  JPEGCOMPILE_INLINE static void run(const ForwardRows& rows) {
    using V = typename Isa::Vector;
    const int64_t pitch = rows.width * kLanes;
    for (int64_t row = 0; row < rows.rows; row += B) {
      for (int64_t column = 0; column < rows.width; column += B) {
        const int64_t offset = row * pitch + column * kLanes;
        for (int lane = 0; lane < kLanes; lane += kWidth<V>) {
          transform_tile<B, false, V>(rows.from + offset + lane, pitch, kLanes,
                                      rows.to + offset + lane, pitch, kLanes);
        }
      }
    }
  }
};

template <typename Isa>
JPEGCOMPILE_INLINE void forward_body(const ForwardRows& rows) {
  for_block<Forward, Isa>(rows.block, rows);
}

}  // namespace

JPEGCOMPILE_MULTIVERSION(forward_rows, forward_body, ForwardRows)

int band_frequencies(const Tensor& band, const Map& map, int block) {
  if (!(band.shape == Shape{map.height, map.width})) {
    throw KernelError("band has shape " + band.shape.text() + " but x has shape " +
                      map.shape().text());
  }
  if (map.plane() == 0) return 2 * block - 1;
  // u + v increases by one along the top edge of a tile, then along its right edge.
  int frequencies = 0;
  for (int step = 0; step < 2 * block - 1; ++step) {
    const int column = step < block ? step : block - 1, row = step - column;
    if (band.floats()[row * map.width + column] != 0) frequencies = step + 1;
  }
  return frequencies;
}

}  // namespace jpegcompile
