// JpegSlice, JpegPad and JpegResize, by matrices that take, add or interpolate pixels.
#include "common/separable.h"
#include "ort/operators.h"

namespace jpegcompile {

std::vector<Operator> resample_operators() {
  return {separable_operator("JpegSlice"),
          separable_operator("JpegPad"),
          separable_operator("JpegResize")};
}

}  // namespace jpegcompile
