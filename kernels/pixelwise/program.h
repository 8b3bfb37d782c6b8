// Programs: per-pixel functions that consist of several steps.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pixelwise/pixels.h"
#include "tiles/tensor.h"

namespace jpegcompile {

// An operand of a step: the 16 lanes of a constant, repeated for all pixels, or pixels.
struct StepOperand {
  const float* data;
  int64_t mask;  // for the index of a float: 15 for constants, all ones for pixels
};

// The application of a step to some pixels.
struct StepCall {
  float* to;
  StepOperand a, b, c;
  int64_t count;
};

// A list of steps, one per line, such as
//
//     Mul x c0
//     Sigmoid v0
//     Mul x v1
//
// x stands for the pixels, c0 for the first constant, and v0 for the result of the first step. The
// result of the last step is the result of the program. A step is a function of `pixel_function`,
// followed by up to two attributes after its operand, or arithmetic, a comparison or a selection.
// True is 1, false is 0.
class Program {
 public:
  // Parses a program. Throws KernelError for an invalid text.
  explicit Program(const std::string& text);

  // Number of constants that steps read: the largest index of a constant plus 1.
  int64_t constants() const { return constants_; }
  // Throws KernelError for a table of constants that does not match the program and the channels.
  void check_constants(const Shape& table, int64_t channels) const;

  // Applies the program to pixels [count / 16][16], in place. `count` is a multiple of 16. Each
  // constant has 16 lanes, one for each channel.
  void run(float* pixels, int64_t count, const float* constants) const;

 private:
  enum class Kind { kNone, kPixels, kConstant, kStep };
  struct Operand {
    Kind kind = Kind::kNone;
    int64_t number = 0;  // index of a constant or a step; later of the step's register
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
