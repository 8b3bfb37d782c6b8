// Kernels of piecewise linear functions, exact and approximated.
#pragma once

#include "common/tile_kernel.h"
#include "tiles/piecewise.h"
#include "work/strips.h"

namespace jpegcompile {

inline Form form_of(Masking masking) {
  if (masking == Masking::kNone) return Form::kExact;
  return masking == Masking::kAsm ? Form::kMasked : Form::kApproximated;
}

// `Family` defines the function of an operator:
//   Function                            its type
//   Family(call, map)                   reads the parameters
//   Function of(strip) const            the function for the rows of a strip
//   static void run(rows)               the multiversioned loop
template <typename Family>
class PiecewiseKernel : public TileKernel {
 public:
  explicit PiecewiseKernel(const Node& node)
      : TileKernel(node), form_(form_of(node.definition().masking)) {}

  void compute(const Call& call) const override {
    const auto [from, to, x, y] = maps(call);
    int frequencies = 2 * block_ - 1;
    if (form_ != Form::kExact) {
      frequencies = band_frequencies(call.input(In::kBand), from, block_);
    }
    const Family family(call, from);
    map_tiles(call, from, x, to, y, block_,
              [&](const Strip& strip, const Tiles& source, float* target) {
                Family::run({source, target, strip.count, from.width, block_, form_, frequencies,
                             family.of(strip)});
              });
  }

 private:
  Form form_;
};

}  // namespace jpegcompile
