#include "common/cuda_vector.h"

#include "generated/programs.h"
#include "tiles/broadcast.h"

namespace jpegcompile {
namespace {

using cuda::View;

constexpr ElementwiseOnCuda::Other kOneChannel = ElementwiseOnCuda::Other::kOneChannel;

// An operand that broadcasts to [N, C, 1, 1], as a map of one pixel. Such a map is also in groups
// of channels if the groups are full.
Map plane_of(const Shape& shape) {
  const size_t rank = shape.rank();
  const int64_t images = rank == 4 ? shape[0] : 1, channels = rank >= 3 ? shape[rank - 3] : 1;
  return {images, channels, 1, 1, channels % kLanes == 0};
}

}  // namespace

VectorOnCuda::VectorOnCuda()
    : spread_({.program = cuda::spread(), .other = kOneChannel}, View{}, View{}) {}

DeviceVector VectorOnCuda::read(CudaCall& call, In name, const Map& x) const {
  const DeviceTensor operand = call.input(name);
  flat_operand({operand.shape, ElementType::kFloat, nullptr}, x, name_of(name));
  if (x.is_empty()) return {};
  Map map = plane_of(operand.shape);
  View made = planes_.read(call, map, 1, operand.data);
  if (map.channels != x.channels) {
    // One number applies to all channels.
    const View number = made;
    map.channels = x.channels;
    made = cuda::channels_last(map, 1, call.scratch(cuda::channels_last_floats(map)));
    spread_.run(call, {map, 1, made, made, 1, 1, 0, 0, number}, matrices_);
  }
  return {made.data, map.batch == 1 ? 0 : made.image};
}

}  // namespace jpegcompile
