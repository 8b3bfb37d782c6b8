#include "common/cuda_function.h"

#include <algorithm>

#include "tiles/tiles.h"

namespace jpegcompile {
namespace {

using cuda::View;

// How a map stands, and not where; compact if it has few frequencies.
View view_of(int block, int64_t frequencies) {
  View view;
  view.block = block;
  view.is_rows = frequencies != 0 && frequencies != 2 * block - 1;
  return view;
}

bool is_masked(const Node& node) { return node.definition().masking != Masking::kNone; }

}  // namespace

FunctionOnCuda::Blocks FunctionOnCuda::same(const Node& node) {
  const int block = node.block("block");
  return {block, block};
}

FunctionOnCuda::FunctionOnCuda(const Node& node, cuda::Program program, const Blocks& blocks)
    : blocks_(blocks),
      x_group_(node.group(In::kX)),
      y_group_(node.group(Out::kY)),
      x_frequencies_(node.frequencies(In::kX)),
      y_frequencies_(node.frequencies(Out::kY)),
      is_masked_(is_masked(node)),
      is_truncated_(node.definition().truncates),
      constants_count_(program.constants),
      kernel_(program, is_masked_, view_of(blocks.x, x_frequencies_),
              view_of(blocks.y, y_frequencies_)) {}

void FunctionOnCuda::compute(CudaCall& call) const {
  const DeviceTensor x = call.input(In::kX);
  const Map from = Map::of(x.shape, x_group_, blocks_.x, x_frequencies_, "x");
  const Map to = Map::of(x.shape, y_group_, blocks_.y, y_frequencies_, "y");
  const int block = std::max(blocks_.x, blocks_.y);
  check_tiles(from, block, "x");
  int made = 2 * blocks_.y - 1, phi = 0;
  if (is_truncated_) made = band_frequencies(call.host_input(In::kBand), to, blocks_.y);
  if (is_masked_) phi = band_frequencies(call.host_input(In::kBand), from, block);
  check_places(to, blocks_.y, made);
  const cuda::DevicePointer y = call.output(Out::kY, x.shape);
  if (from.is_empty()) return;
  const View source = planes_.read(call, from, blocks_.x, x.data);
  const View target = planes_.target(call, to, blocks_.y, y);
  kernel_.run(call, {from, block, source, target, source.frequencies, made, phi,
                     constants_on(call, from.channels)},
              matrices_);
  planes_.write(call, to, target, y);
}

cuda::DevicePointer FunctionOnCuda::constants_on(CudaCall& call, int64_t channels) const {
  if (constants_count_ == 0) return 0;
  const auto make = [&] { return constants(call, channels); };
  return are_fixed() ? constants_.get(call, channels, make) : call.upload(make());
}

std::vector<float> FunctionOnCuda::constants(CudaCall&, int64_t channels) const {
  return std::vector<float>(static_cast<size_t>(constants_count_ * cuda::padded(channels)));
}

}  // namespace jpegcompile
