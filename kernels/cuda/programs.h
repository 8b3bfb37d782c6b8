// Functions of each pixel as steps, as kernels are compiled with them (jpegcompile/gpu/programs.py).
#pragma once

#include <string>
#include <vector>

namespace jpegcompile::cuda {

// The function `name` of three operands and two numbers. An operand is the place of a value: the
// pixel, its approximation, the pixel of another map, constants of the channel, then results of
// earlier steps. Operands and numbers that a function does not take are zero.
struct Step {
  std::string name;
  int a = 0, b = 0, c = 0;
  double p = 0, q = 0;

  bool operator==(const Step&) const = default;
};

inline constexpr int kPixel = 0, kApproximation = 1, kOther = 2, kConstants = 3;

struct Program {
  std::vector<Step> steps;
  int constants = 0;  // numbers that it reads for each channel

  bool is_nothing() const { return steps.empty(); }
};

inline Program relu() { return {{{"Relu", kPixel}}}; }
// Its constant is the slope.
inline Program prelu() { return {{{"PRelu", kPixel, kConstants}}, 1}; }
// Its constants are the bounds.
inline Program clip() {
  return {{{"Max", kPixel, kConstants}, {"Min", kConstants + 2, kConstants + 1}}, 2};
}
// Of masks by few frequencies. The constant is zero.
inline Program asm_relu() {
  return {{{"Greater", kApproximation, kConstants}, {"Where", kConstants + 1, kPixel, kConstants}},
          1};
}
// Its constants are the bounds.
inline Program asm_clip() {
  return {{{"Greater", kApproximation, kConstants},
           {"Greater", kApproximation, kConstants + 1},
           {"Where", kConstants + 2, kPixel, kConstants},
           {"Where", kConstants + 3, kConstants + 1, kConstants + 4}},
          2};
}
// The same functions of the approximation, which stands for operands that are not read, too.
inline Program apx_relu() { return {{{"Relu", kApproximation, kApproximation, kApproximation}}}; }
inline Program apx_clip() {
  return {{{"Max", kApproximation, kConstants, kApproximation},
           {"Min", kConstants + 2, kConstants + 1, kApproximation}},
          2};
}

}  // namespace jpegcompile::cuda
