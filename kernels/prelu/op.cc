// JpegPRelu, JpegAsmPRelu and JpegApxPRelu.
#include "common/piecewise_kernel.h"
#include "generated/makers.h"
#include "tiles/broadcast.h"
#include "work/workspace.h"

namespace jpegcompile {
namespace {

// Slopes of 16 channels. With steps of 0 they are equal for all pixels.
struct Slope {
  const float* slopes;
  int64_t row_step, column_step;

  template <typename V>
  JPEGCOMPILE_INLINE V operator()(const V& decided_by, const V& x, const Place& at) const {
    const V slope =
        load<V>(slopes + at.row * row_step + at.column * column_step + at.lane);
    return decided_by > 0 ? x : slope * x;
  }
};

using PReluRows = PiecewiseRows<Slope>;

template <typename Isa>
JPEGCOMPILE_INLINE void prelu_body(const PReluRows& rows) {
  for_block<Piecewise, Isa>(rows.block, rows);
}

JPEGCOMPILE_MULTIVERSION(prelu, prelu_body, PReluRows)

class PRelu {
 public:
  using Function = Slope;
  PRelu(const Call& call, const Map& map)
      : slope_(call.input(In::kSlope), map, "slope"), pitch_(map.pitch()) {}

  Slope of(const Strip& strip) const {
    if (slope_.is_flat()) {
      float* lanes = task_floats(1, kLanes);
      slope_.lanes(strip.image, strip.group, lanes);
      return {lanes, 0, 0};
    }
    float* pixels = task_floats(1, static_cast<size_t>(strip.count * pitch_));
    slope_.rows(strip, pixels);
    return {pixels, pitch_, kLanes};
  }

  static void run(const PReluRows& rows) { prelu(rows); }

 private:
  Broadcast slope_;
  int64_t pitch_;
};

}  // namespace

std::unique_ptr<Kernel> make_prelu(const Node& node) {
  return std::make_unique<PiecewiseKernel<PRelu>>(node);
}

}  // namespace jpegcompile
