// Operands that broadcast to a map: one number, one number per channel or image, or more.
#pragma once

#include <array>
#include <cstdint>

#include "tiles/map.h"
#include "tiles/tensor.h"

namespace jpegcompile {

class Broadcast {
 public:
  // Throws KernelError for an operand that does not broadcast to the map's shape.
  Broadcast(const Tensor& operand, const Map& map, const char* name);

  // Whether all pixels of a channel have the same value.
  bool is_flat() const { return strides_[2] == 0 && strides_[3] == 0; }

  // Whether all images have the same values.
  bool is_for_all_images() const { return strides_[0] == 0; }

  // The value of a channel at the map's first pixel.
  float at(int64_t image, int64_t channel) const {
    return data_[image * strides_[0] + channel * strides_[1]];
  }

  // Writes the values of the 16 channels of a group at the map's first pixel. Channels past the
  // last one are zero.
  void lanes(int64_t image, int64_t group, float* to) const;

  // Writes the values of the pixels of a strip: [count][W][16].
  void rows(const Strip& strip, float* to) const;

 private:
  void lanes_at(int64_t image, int64_t group, int64_t row, int64_t column, float* to) const;

  Map map_;
  const float* data_;
  std::array<int64_t, 4> strides_{};
};

// Throws KernelError for an operand that also varies over height and width.
Broadcast flat_operand(const Tensor& operand, const Map& map, const char* name);

// Returns the value of an operand with one element. Throws KernelError for other operands.
float number(const Tensor& operand, const char* name);

}  // namespace jpegcompile
