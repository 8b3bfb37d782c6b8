#include "tiles/broadcast.h"

#include <string>

namespace jpegcompile {

Broadcast::Broadcast(const Tensor& operand, const Map& map, const char* name)
    : map_(map), data_(operand.floats()) {
  const Shape &shape = operand.shape, whole = map.shape();
  const size_t rank = shape.rank();
  bool fits = rank <= 4;
  int64_t stride = 1;
  for (size_t back = 1; fits && back <= rank; ++back) {
    const int64_t extent = shape[rank - back];
    fits = extent == 1 || extent == whole[4 - back];
    strides_[4 - back] = extent == 1 ? 0 : stride;
    stride *= extent;
  }
  if (!fits) {
    throw KernelError(std::string(name) + " of shape " + shape.text() +
                      " does not broadcast to x of shape " + whole.text());
  }
}

void Broadcast::lanes_at(int64_t image, int64_t group, int64_t row, int64_t column,
                         float* to) const {
  const float* from = data_ + image * strides_[0] + row * strides_[2] + column * strides_[3];
  const int64_t channels = map_.channels_in(group);
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    to[lane] = lane < channels ? from[(group * kLanes + lane) * strides_[1]] : 0.0F;
  }
}

void Broadcast::lanes(int64_t image, int64_t group, float* to) const {
  lanes_at(image, group, 0, 0, to);
}

void Broadcast::rows(const Strip& strip, float* to) const {
  for (int64_t row = strip.row; row < strip.row + strip.count; ++row) {
    for (int64_t column = 0; column < map_.width; ++column, to += kLanes) {
      lanes_at(strip.image, strip.group, row, column, to);
    }
  }
}

Broadcast flat_operand(const Tensor& operand, const Map& map, const char* name) {
  const Broadcast broadcast(operand, map, name);
  if (broadcast.is_flat()) return broadcast;
  throw KernelError(std::string(name) + " of shape " + operand.shape.text() +
                    " must not vary over the height and width of x of shape " + map.shape().text());
}

float number(const Tensor& operand, const char* name) {
  if (operand.shape.elements() == 1) return *operand.floats();
  throw KernelError(std::string(name) + " has shape " + operand.shape.text() +
                    "; it must be one number");
}

}  // namespace jpegcompile
