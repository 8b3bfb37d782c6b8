// JpegRelu, JpegAsmRelu and JpegApxRelu.
#include "common/piecewise_kernel.h"
#include "generated/makers.h"

namespace jpegcompile {
namespace {

// NaNs propagate.
struct Rectify {
  template <typename V>
  JPEGCOMPILE_INLINE V operator()(const V& decided_by, const V& x, const Place&) const {
    return decided_by <= 0 ? V{} : x;
  }
};

using ReluRows = PiecewiseRows<Rectify>;

template <typename Isa>
JPEGCOMPILE_INLINE void relu_body(const ReluRows& rows) {
  for_block<Piecewise, Isa>(rows.block, rows);
}

JPEGCOMPILE_MULTIVERSION(relu, relu_body, ReluRows)

struct Relu {
  using Function = Rectify;
  Relu(const Call&, const Map&) {}
  Rectify of(const Strip&) const { return {}; }
  static void run(const ReluRows& rows) { relu(rows); }
};

}  // namespace

std::unique_ptr<Kernel> make_relu(const Node& node) {
  return std::make_unique<PiecewiseKernel<Relu>>(node);
}

}  // namespace jpegcompile
