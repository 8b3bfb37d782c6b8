// A matrix of an axis that a node takes.
#pragma once

#include <optional>

#include "ort/kernel.h"
#include "tiles/axis.h"

namespace jpegcompile {

// Made at session creation if it is a constant, else at every call.
class AxisOperand {
 public:
  enum class Side { kLeft, kRight };

  AxisOperand(const Node& node, In input, Side side, const char* name);

  // `made` holds the matrix where it is made now.
  const AxisMatrix& of(const Call& call, std::optional<AxisMatrix>& made) const;

  static AxisMatrix matrix_of(const Tensor& matrix, Side side, const char* name);

 private:

  In input_;
  Side side_;
  const char* name_;
  std::optional<AxisMatrix> constant_;
};

}  // namespace jpegcompile
