#include "common/cuda_band.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace jpegcompile {

void put_values(const AxisMatrix& matrix, int64_t group, AxisBand& band) {
  band.values.resize(band.starts.size() * static_cast<size_t>(group * band.window));
  for (int64_t output = 0; output < matrix.outputs; ++output) {
    const int64_t start = band.starts[static_cast<size_t>(output / group)];
    float* row = band.values.data() + output * band.window;
    for (int64_t at = matrix.starts[output]; at < matrix.starts[output + 1]; ++at) {
      const AxisMatrix::Entry& entry = matrix.entries[static_cast<size_t>(at)];
      row[entry.input - start] = entry.factor;
    }
  }
}

AxisBand narrow_band(const AxisMatrix& matrix) {
  AxisBand band{matrix.outputs, matrix.inputs, 1, {}, {}};
  for (int64_t output = 0; output < matrix.outputs; ++output) {
    const auto [first, last] = matrix.range(output, output + 1);
    band.starts.push_back(static_cast<int32_t>(first));
    band.window = std::max(band.window, last - first);
  }
  const auto most = static_cast<int32_t>(matrix.inputs - band.window);
  for (int32_t& start : band.starts) start = std::min(start, most);
  put_values(matrix, 1, band);
  return band;
}

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
