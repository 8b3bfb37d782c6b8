#include "common/axis_operand.h"

namespace jpegcompile {

AxisOperand::AxisOperand(const Node& node, In input, Side side, const char* name)
    : input_(input), side_(side), name_(name) {
  if (const std::optional<Tensor> constant = node.constant(input)) {
    constant_ = matrix_of(*constant, side_, name_);
  }
}

AxisMatrix AxisOperand::matrix_of(const Tensor& matrix, Side side, const char* name) {
  return side == Side::kLeft ? AxisMatrix::of_left(matrix, name)
                             : AxisMatrix::of_right(matrix, name);
}

const AxisMatrix& AxisOperand::of(const Call& call, std::optional<AxisMatrix>& made) const {
  if (constant_) return *constant_;
  made = matrix_of(call.input(input_), side_, name_);
  return *made;
}

}  // namespace jpegcompile
