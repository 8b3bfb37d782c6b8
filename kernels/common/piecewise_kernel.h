// Kernels of piecewise linear functions, exact and approximated.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/tile_kernel.h"
#include "tiles/piecewise.h"
#include "work/strips.h"

namespace jpegcompile {

// `Family` makes the function of an operator:
//   Function                            its type
//   Family(call, first, map)            reads the parameters, from input `first` on
//   Function of(strip) const            for the rows of a strip
//   static void run(rows)               the multiversioned loop
template <typename Family, Form kForm>
class PiecewiseKernel : public TileKernel {
 public:
  explicit PiecewiseKernel(const Node& node) : TileKernel(node) {}

  void compute(const Call& call) const override {
    const auto [from, to, x, y] = maps(call);
    int frequencies = 2 * block_ - 1;
    if (kForm != Form::kExact) frequencies = band_frequencies(call.input(1), from, block_);
    const Family family(call, kForm == Form::kExact ? 1 : 2, from);
    map_tiles(call, from, x, to, y, block_,
              [&](const Strip& strip, const Tiles& source, float* target) {
                Family::run({source, target, strip.count, from.width, block_, kForm, frequencies,
                             family.of(strip)});
              });
  }
};

// The operator and its approximated forms, `Jpeg`, `JpegAsm` and `JpegApx` before `name`.
template <typename Family>
std::vector<Operator> piecewise_operators(const std::string& name, size_t parameters) {
  using enum ElementType;
  const std::vector<ElementType> exact(5 + parameters, kFloat), banded(6 + parameters, kFloat);
  return {{"Jpeg" + name, exact, make_kernel<PiecewiseKernel<Family, Form::kExact>>},
          {"JpegAsm" + name, banded, make_kernel<PiecewiseKernel<Family, Form::kMasked>>},
          {"JpegApx" + name, banded, make_kernel<PiecewiseKernel<Family, Form::kApproximated>>}};
}

}  // namespace jpegcompile
