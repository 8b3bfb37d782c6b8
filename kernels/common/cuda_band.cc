#include "common/cuda_band.h"

#include <optional>
#include <utility>

namespace jpegcompile {

BandOperand::BandOperand(const Node& node, In input, Make make)
    : input_(input), make_(std::move(make)) {
  if (const std::optional<Tensor> matrix = node.constant(input)) {
    constant_ = std::make_shared<AxisBand>(make_(*matrix));
  }
}

std::shared_ptr<const AxisBand> BandOperand::of(const CudaCall& call) const {
  return constant_ ? constant_ : std::make_shared<AxisBand>(make_(call.host_input(input_)));
}

cuda::DevicePointer BandOperand::values(CudaCall& call, const AxisBand& band) const {
  if (!constant_) return call.upload(band.values);
  return values_.get(call, 0, [&]() -> const std::vector<float>& { return band.values; });
}

cuda::DevicePointer BandOperand::starts(CudaCall& call, const AxisBand& band) const {
  if (!constant_) return call.upload(band.starts);
  return starts_.get(call, 0, [&]() -> const std::vector<int32_t>& { return band.starts; });
}

}  // namespace jpegcompile
