#include "common/axis_operand.h"

namespace jpegcompile {

AxisOperand::AxisOperand(const Node& node, In input, Side side, const char* name)
    : input_(input), side_(side), name_(name) {
  if (const std::optional<Tensor> constant = node.constant(input)) constant_ = make(*constant);
}

AxisMatrix AxisOperand::make(const Tensor& matrix) const {
  return side_ == Side::kLeft ? AxisMatrix::of_left(matrix, name_)
                              : AxisMatrix::of_right(matrix, name_);
}

const AxisMatrix& AxisOperand::of(const Call& call, std::optional<AxisMatrix>& made) const {
  if (constant_) return *constant_;
  made = make(call.input(input_));
  return *made;
}

}  // namespace jpegcompile
