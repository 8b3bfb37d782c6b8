#include "common/cuda_two_maps.h"

#include "tiles/tiles.h"

namespace jpegcompile {
namespace {

using cuda::View;
using Other = ElementwiseOnCuda::Other;

ElementwiseOnCuda kernel_of(const Node& node, const cuda::Program& program, bool has_vector,
                            Other other) {
  const int block = node.block("block");
  return {{.program = program, .has_vector = has_vector, .other = other},
          cuda::standing(block, node.frequencies(In::kX)),
          cuda::standing(block, node.frequencies(Out::kY)),
          cuda::standing(block, node.frequencies(In::kResidual))};
}

}  // namespace

TwoMapsOnCuda::TwoMapsOnCuda(const Node& node, const cuda::Program& program,
                             std::optional<In> vector)
    : block_(node.block("block")),
      other_group_(node.group(In::kResidual)),
      other_frequencies_(node.frequencies(In::kResidual)),
      x_group_(node.group(In::kX)),
      y_group_(node.group(Out::kY)),
      x_frequencies_(node.frequencies(In::kX)),
      y_frequencies_(node.frequencies(Out::kY)),
      is_truncated_(node.definition().truncates),
      vector_(vector),
      kernel_(kernel_of(node, program, vector.has_value(), Other::kMap)),
      of_one_channel_(kernel_of(node, program, vector.has_value(), Other::kOneChannel)) {}

void TwoMapsOnCuda::compute(CudaCall& call) const {
  const DeviceTensor x = call.input(In::kX), other = call.input(In::kResidual);
  const Map from = Map::of(x.shape, x_group_, block_, x_frequencies_, "x");
  const Map to = Map::of(x.shape, y_group_, block_, y_frequencies_, "y");
  check_tiles(from, block_, "x");
  const Map others = other_map(other.shape, from);
  const int made = is_truncated_ ? band_frequencies(call.host_input(In::kBand), from, block_)
                                 : 2 * block_ - 1;
  check_places(to, block_, made);
  const DeviceVector vector = vector_ ? vectors_.read(call, *vector_, from) : DeviceVector{};
  const cuda::DevicePointer y = call.output(Out::kY, x.shape);
  if (from.is_empty()) return;
  const View source = planes_.read(call, from, block_, x.data);
  View added = planes_.read(call, others, block_, other.data);
  if (others.batch == 1) added.image = 0;
  const View target = planes_.target(call, to, block_, y);
  const bool is_shared = others.channels == 1 && from.channels != 1;
  (is_shared ? of_one_channel_ : kernel_)
      .run(call, {from, block_, source, target, source.frequencies, made, 0, 0, added, vector},
           matrices_);
  planes_.write(call, to, target, y);
}

}  // namespace jpegcompile
