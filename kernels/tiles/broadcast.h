// Operands that are broadcast against a map: one number, one for each channel or image, or more.
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

  // Whether all pixels of a channel have one value.
  bool is_flat() const { return strides_[2] == 0 && strides_[3] == 0; }

  // Whether all images have the values of the first one.
  bool is_for_all_images() const { return strides_[0] == 0; }

  // The value for a channel at the map's first pixel.
  float at(int64_t image, int64_t channel) const {
    return data_[image * strides_[0] + channel * strides_[1]];
  }

  // Values for the 16 channels of a group at the map's first pixel; zeros for channels beyond the
  // last.
  void lanes(int64_t image, int64_t group, float* to) const;

  // Values for the pixels of a strip: [count][W][16].
  void rows(const Strip& strip, float* to) const;

 private:
  void lanes_at(int64_t image, int64_t group, int64_t row, int64_t column, float* to) const;

  Map map_;
  const float* data_;
  std::array<int64_t, 4> strides_{};
};

// Throws KernelError for an operand that varies over height and width, too.
Broadcast flat_operand(const Tensor& operand, const Map& map, const char* name);

// The number that an operand is. Throws KernelError if it is more than one.
float number(const Tensor& operand, const char* name);

}  // namespace jpegcompile
