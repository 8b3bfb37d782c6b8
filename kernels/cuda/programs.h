// Per-pixel functions as lists of steps, with which kernels are compiled
// (jpegcompile/gpu/programs.py). The programs of operators are in generated/programs.h.
#pragma once

#include <string>
#include <vector>

namespace jpegcompile::cuda {

// The function `name` of three operands and two numbers. An operand is the index of a value: the
// pixel, its approximation, the pixel of the other map, constants of the channel, then results of
// earlier steps. Unused operands and numbers are zero.
struct Step {
  std::string name;
  int a = 0, b = 0, c = 0;
  double p = 0, q = 0;

  bool operator==(const Step&) const = default;
};

inline constexpr int kPixel = 0, kApproximation = 1, kOther = 2, kConstants = 3;

struct Program {
  std::vector<Step> steps;
  int constants = 0;  // numbers that the program reads for each channel

  bool is_nothing() const { return steps.empty(); }
};

}  // namespace jpegcompile::cuda
