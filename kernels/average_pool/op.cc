// JpegAveragePool, by matrices that hold the windows' weights.
#include "../native/operators.h"
#include "../native/separable.h"

namespace jpegcompile {

std::vector<Operator> average_pool_operators() {
  return {separable_operator("JpegAveragePool")};
}

}  // namespace jpegcompile
