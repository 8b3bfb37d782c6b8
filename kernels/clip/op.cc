// JpegClip, JpegAsmClip, JpegApxClip.
#include "common/piecewise_kernel.h"
#include "generated/makers.h"
#include "tiles/broadcast.h"

namespace jpegcompile {
namespace {

// NaNs propagate.
struct Bounds {
  float low, high;

  template <typename V>
  JPEGCOMPILE_INLINE V operator()(const V& decided_by, const V& x, const Place&) const {
    const V raised = decided_by <= low ? V{} + low : x;
    return decided_by > high ? V{} + high : raised;
  }
};

using ClipRows = PiecewiseRows<Bounds>;

template <typename Isa>
JPEGCOMPILE_INLINE void clip_body(const ClipRows& rows) {
  for_block<Piecewise, Isa>(rows.block, rows);
}

JPEGCOMPILE_MULTIVERSION(clip, clip_body, ClipRows)

class Clip {
 public:
  using Function = Bounds;
  Clip(const Call& call, const Map&)
      : bounds_{number(call.input(In::kLow), "low"), number(call.input(In::kHigh), "high")} {}
  Bounds of(const Strip&) const { return bounds_; }
  static void run(const ClipRows& rows) { clip(rows); }

 private:
  Bounds bounds_;
};

}  // namespace

std::unique_ptr<Kernel> make_clip(const Node& node) {
  return std::make_unique<PiecewiseKernel<Clip>>(node);
}

}  // namespace jpegcompile
