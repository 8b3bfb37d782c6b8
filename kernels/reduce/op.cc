// JpegReduceMean and JpegReduceSum, by matrices that hold the weights of the axes.
#include "../native/operators.h"
#include "../native/separable.h"

namespace jpegcompile {

std::vector<Operator> reduce_operators() {
  return {separable_operator("JpegReduceMean"), separable_operator("JpegReduceSum")};
}

}  // namespace jpegcompile
