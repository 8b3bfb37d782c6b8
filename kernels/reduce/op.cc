// JpegReduceMean and JpegReduceSum, by matrices that hold the weights of the axes.
#include "common/separable.h"
#include "ort/operators.h"

namespace jpegcompile {

std::vector<Operator> reduce_operators() {
  return {separable_operator("JpegReduceMean"), separable_operator("JpegReduceSum")};
}

}  // namespace jpegcompile
