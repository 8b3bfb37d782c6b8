// The matrix that a node applies to one axis.
#pragma once

#include <optional>

#include "ort/kernel.h"
#include "tiles/axis.h"

namespace jpegcompile {

// Converted once, when the session is created, if the matrix is a constant; otherwise at every
// call.
class AxisOperand {
 public:
  enum class Side { kLeft, kRight };

  AxisOperand(const Node& node, In input, Side side, const char* name);

  // `made` stores the matrix if this call has to convert it.
  const AxisMatrix& of(const Call& call, std::optional<AxisMatrix>& made) const;

  static AxisMatrix matrix_of(const Tensor& matrix, Side side, const char* name);

 private:

  In input_;
  Side side_;
  const char* name_;
  std::optional<AxisMatrix> constant_;
};

}  // namespace jpegcompile
