// Base class of kernels whose output map has the size and block size of the input map.
#pragma once

#include <cstdint>

#include "ort/kernel.h"
#include "tiles/map.h"

namespace jpegcompile {

class TileKernel : public Kernel {
 public:
  // Both maps of a call, which consist of whole tiles. y is not compact.
  struct Maps {
    Map from, to;
    const float* x;
    float* y;
  };

 protected:
  explicit TileKernel(const Node& node)
      : block_(node.block("block")),
        y_group_(node.group(Out::kY)),
        x_group_(node.group(In::kX)),
        x_frequencies_(node.frequencies(In::kX)) {}

  Maps maps(const Call& call) const {
    const Tensor x = call.input(In::kX);
    const Map from = Map::of(x.shape, x_group_, block_, x_frequencies_, "x");
    const Map to = Map::of(x.shape, y_group_, "y");
    check_tiles(from, block_, "x");
    return {from, to, x.floats(), call.output_floats(Out::kY, x.shape)};
  }

  int block_;
  int64_t y_group_;

 private:
  int64_t x_group_, x_frequencies_;
};

}  // namespace jpegcompile
