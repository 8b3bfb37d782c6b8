// y = scale x, plus a shift of the DC coefficients, for each channel of each image.
#pragma once

#include <optional>

#include "common/tile_kernel.h"
#include "tiles/broadcast.h"

namespace jpegcompile {

// Base class of such kernels. A missing scale is 1, a missing shift is 0. `sign` multiplies the
// shift.
class ChannelAffineKernel : public TileKernel {
 protected:
  explicit ChannelAffineKernel(const Node& node)
      : TileKernel(node), y_frequencies_(node.frequencies(Out::kY)) {}
  void run(const Call& call, const Maps& maps, const std::optional<Broadcast>& scale,
           const std::optional<Broadcast>& shift, float sign) const;

 private:
  void run_compact(const Call& call, const Maps& maps, const std::optional<Broadcast>& scale,
                   const std::optional<Broadcast>& shift, float factor) const;
  void run_planes(const Call& call, const Maps& maps, const std::optional<Broadcast>& scale,
                  const std::optional<Broadcast>& shift, float factor) const;

  int64_t y_frequencies_;
};

}  // namespace jpegcompile
