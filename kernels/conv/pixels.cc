#include "pixels.h"

#include "../native/dct.h"

namespace jpegcompile {
namespace {

template <int B, typename V>
JPEGCOMPILE_INLINE void inverse_tiles(const Inverse& task) {
  const int64_t pitch = task.width * kLanes;
  for (int64_t row = 0; row < task.rows; row += B) {
    for (int64_t column = 0; column < task.width; column += B) {
      for (int lane = 0; lane < kLanes; lane += kWidth<V>) {
        transform_tile<B, true, V>(
            task.coefficients + row * pitch + column * kLanes + lane, pitch, kLanes,
            task.pixels + row * task.pitch + column * kLanes + lane, task.pitch, kLanes);
      }
    }
  }
}

template <typename Isa>
JPEGCOMPILE_INLINE void inverse_body(const Inverse& task) {
  using V = typename Isa::Vector;
  switch (task.block) {
    case 8:
      return inverse_tiles<8, V>(task);
    case 4:
      return inverse_tiles<4, V>(task);
    case 2:
      return inverse_tiles<2, V>(task);
    default:
      return inverse_tiles<1, V>(task);
  }
}

}  // namespace

JPEGCOMPILE_MULTIVERSION(inverse_rows, inverse_body, Inverse)

}  // namespace jpegcompile
