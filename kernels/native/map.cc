#include "map.h"

#include <string>

namespace jpegcompile {
namespace {

int64_t grouped_offset(const Map& map, int64_t image, int64_t group, int64_t row) {
  return ((image * map.groups() + group) * map.height + row) * map.pitch();
}

int64_t planar_offset(const Map& map, int64_t image, int64_t group, int64_t row) {
  return (image * map.channels + group * kLanes) * map.plane() + row * map.width;
}

}  // namespace

Map Map::of(const Shape& shape, int64_t group, const char* name) {
  if (shape.rank() != 4) {
    throw KernelError(std::string(name) + " has shape " + shape.text() +
                      ", a map has four dimensions");
  }
  if (group != 1 && (group != kLanes || shape[1] % kLanes != 0)) {
    throw KernelError(std::string(name) + " of shape " + shape.text() + " cannot be in groups of " +
                      std::to_string(group) + " channels; compile the model again");
  }
  return {shape[0], shape[1], shape[2], shape[3], group == kLanes};
}

const float* read_rows(const Map& map, const float* data, int64_t image, int64_t group, int64_t row,
                       int64_t count, float* scratch) {
  if (map.is_grouped) return data + grouped_offset(map, image, group, row);
  const float* from = data + planar_offset(map, image, group, row);
  const int64_t channels = map.channels_in(group), pixels = count * map.width;
  if (channels < kLanes) std::fill_n(scratch, pixels * kLanes, 0.0F);
  for (int64_t channel = 0; channel < channels; ++channel) {
    const float* plane = from + channel * map.plane();
    for (int64_t pixel = 0; pixel < pixels; ++pixel) {
      scratch[pixel * kLanes + channel] = plane[pixel];
    }
  }
  return scratch;
}

float* rows_target(const Map& map, float* data, int64_t image, int64_t group, int64_t row,
                   float* scratch) {
  return map.is_grouped ? data + grouped_offset(map, image, group, row) : scratch;
}

void write_rows(const Map& map, float* data, int64_t image, int64_t group, int64_t row,
                int64_t count, const float* scratch) {
  if (map.is_grouped) return;
  float* to = data + planar_offset(map, image, group, row);
  const int64_t channels = map.channels_in(group), pixels = count * map.width;
  for (int64_t channel = 0; channel < channels; ++channel) {
    float* plane = to + channel * map.plane();
    for (int64_t pixel = 0; pixel < pixels; ++pixel) {
      plane[pixel] = scratch[pixel * kLanes + channel];
    }
  }
}

}  // namespace jpegcompile
