// JpegAveragePool, by matrices that hold the windows' weights.
#include "common/separable.h"
#include "ort/operators.h"

namespace jpegcompile {

std::vector<Operator> average_pool_operators() {
  return {separable_operator("JpegAveragePool")};
}

}  // namespace jpegcompile
