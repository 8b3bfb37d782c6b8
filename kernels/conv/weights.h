// Weights of a convolution in the order in which kernels read them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ort/kernel.h"
#include "tiles/isa.h"
#include "work/workspace.h"

namespace jpegcompile {

// Geometry of a convolution, as its node's attributes define it.
struct Window {
  int64_t kernel_height = 1, kernel_width = 1;
  int64_t stride_y = 1, stride_x = 1;
  int64_t top = 0, left = 0, bottom = 0, right = 0;
  int64_t dilation_y = 1, dilation_x = 1;
  int64_t group = 1;

  bool has_pads() const { return (top | left | bottom | right) != 0; }
  bool is_pointwise() const {
    return kernel_height == 1 && kernel_width == 1 && stride_y == 1 && stride_x == 1 &&
           !has_pads();
  }
  // Output size; 0 if the window exceeds the padded map.
  int64_t output_height(int64_t height) const {
    return positions(height + top + bottom - dilation_y * (kernel_height - 1), stride_y);
  }
  int64_t output_width(int64_t width) const {
    return positions(width + left + right - dilation_x * (kernel_width - 1), stride_x);
  }
  bool operator==(const Window&) const = default;

 private:
  // Number of window positions, where `room` is the number of pixels that the first tap can be at.
  static int64_t positions(int64_t room, int64_t stride) {
    return room < 1 ? 0 : (room - 1) / stride + 1;
  }
};

enum class Method {
  kDirect,     // channels in groups of 16, one segment for each tap and group
  kThin,       // images of few channels: pixels [H][W][C], one segment for each kernel row
  kWinograd4,  // F(4x4, 3x3)
  kWinograd2,  // F(2x2, 3x3)
};

// The segments that a group of 16 output channels sums over.
struct Taps {
  int64_t first_input_group = 0;
  int64_t input_groups = 0;
  size_t weights = 0;  // offset of the packed weights, in floats

  bool operator==(const Taps&) const = default;
};

struct Weights {
  Method method = Method::kDirect;
  int64_t outputs = 0, inputs = 0;  // channels
  Window window;
  std::vector<Taps> taps;  // of each output group; without groups all are equal
  Buffer packed;
  const float* data = nullptr;

  int64_t output_groups() const { return (outputs + kLanes - 1) / kLanes; }
  int64_t input_groups() const { return (inputs + kLanes - 1) / kLanes; }
  int m() const { return method == Method::kWinograd4 ? 4 : 2; }
  int64_t points() const { return (m() + 2) * (m() + 2); }
};

// Returns the input groups that an output group reads.
Taps taps_of(const Weights& weights, int64_t output_group);

// Returns the description of OIHW weights, without packed weights. Throws KernelError if shape and
// geometry do not match.
Weights described(const Tensor& weight, const Window& window);

// Packs OIHW weights for a method: "direct", "winograd4" or "winograd2" as the compiler's cost
// model chose, or a default if the name is empty. Images of few channels always use the same
// method.
//
// Throws KernelError if shape, geometry and method do not match.
Weights pack(const Tensor& weight, const Window& window, const std::string& method);

}  // namespace jpegcompile
