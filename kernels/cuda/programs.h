// Functions of each pixel as steps, as kernels are compiled with them (jpegcompile/gpu/programs.py).
// Those of operators are in generated/programs.h.
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

}  // namespace jpegcompile::cuda
