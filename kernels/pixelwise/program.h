// Functions of each pixel that a graph spells by several nodes, step by step.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pixelwise/pixels.h"
#include "tiles/tensor.h"

namespace jpegcompile {

// What a step reads: 16 lanes of a constant, again and again, or pixels.
struct StepOperand {
  const float* data;
  int64_t mask;  // of the index of a float, which then stays among 16; or all ones
};

// A step on some pixels.
struct StepCall {
  float* to;
  StepOperand a, b, c;
  int64_t count;
};

// Steps in order, one a line, such as
//
//     Mul x c0
//     Sigmoid v0
//     Mul x v1
//
// x are the pixels, c0 the first constant, v0 what the first step makes; what the last one makes is
// the result. Steps are the functions of `pixel_function`, which may have two numbers behind them,
// and arithmetic, comparisons and choices between pixels; what is true is 1, what is not 0.
class Program {
 public:
  // Throws KernelError for a text that is no program.
  explicit Program(const std::string& text);

  // Constants that steps read: the largest number of one, plus 1.
  int64_t constants() const { return constants_; }
  // Throws KernelError for a table of constants that does not suit the program and the channels.
  void check_constants(const Shape& table, int64_t channels) const;

  // Replaces pixels, a multiple of 16 floats, whose channels are the same every 16 floats; of each
  // constant there are 16 lanes.
  void run(float* pixels, int64_t count, const float* constants) const;

 private:
  enum class Kind { kNone, kPixels, kConstant, kStep };
  struct Operand {
    Kind kind = Kind::kNone;
    int64_t number = 0;  // of a constant, or of a step and later of its register
  };
  struct Step {
    PixelFunction function = nullptr;  // of one operand, with attributes
    float attributes[2] = {0, 0};
    void (*combine)(const StepCall&) = nullptr;
    Operand operands[3];
    int64_t target = 0;
  };

  void read_line(const std::string& line);
  Operand operand_of(const std::string& token, const std::string& line) const;
  void share_registers();
  void run_part(float* pixels, int64_t count, const float* constants, float* registers) const;

  std::vector<Step> steps_;
  int64_t constants_ = 0, registers_ = 0;
};

}  // namespace jpegcompile
