#include "common/cuda_function.h"

#include <algorithm>
#include <utility>

#include "tiles/tiles.h"

namespace jpegcompile {
namespace {

using cuda::View;

bool is_masked(const Node& node) { return node.definition().masking != Masking::kNone; }

}  // namespace

FunctionOnCuda::Blocks FunctionOnCuda::same(const Node& node) {
  const int block = node.block("block");
  return {block, block};
}

FunctionOnCuda::FunctionOnCuda(const Node& node, cuda::Program program, const Blocks& blocks)
    : FunctionOnCuda(node, {.program = std::move(program), .approximates = is_masked(node)},
                     std::nullopt, blocks) {}

FunctionOnCuda::FunctionOnCuda(const Node& node, const Linear& linear)
    : FunctionOnCuda(node,
                     {.program = linear.program,
                      .is_linear = true,
                      .has_vector = linear.vector.has_value()},
                     linear.vector, same(node)) {}

FunctionOnCuda::FunctionOnCuda(const Node& node, const ElementwiseOnCuda::Operation& operation,
                               std::optional<In> vector, const Blocks& blocks)
    : blocks_(blocks),
      x_group_(node.group(In::kX)),
      y_group_(node.group(Out::kY)),
      x_frequencies_(node.frequencies(In::kX)),
      y_frequencies_(node.frequencies(Out::kY)),
      is_masked_(operation.approximates),
      is_truncated_(node.definition().truncates),
      is_linear_(operation.is_linear),
      vector_(vector),
      constants_count_(operation.program.constants - (operation.has_vector ? 1 : 0)),
      kernel_(operation, cuda::standing(blocks.x, x_frequencies_),
              cuda::standing(blocks.y, y_frequencies_)) {}

void FunctionOnCuda::compute(CudaCall& call) const {
  const DeviceTensor x = call.input(In::kX);
  const Map from = Map::of(x.shape, x_group_, blocks_.x, x_frequencies_, "x");
  const Map to = Map::of(x.shape, y_group_, blocks_.y, y_frequencies_, "y");
  const int block = std::max(blocks_.x, blocks_.y);
  check_tiles(from, block, "x");
  const int phi = is_masked_ ? band_frequencies(call.host_input(In::kBand), from, block) : 0;
  const int made = made_of(call, from, to);
  const DeviceVector vector = vector_ ? vectors_.read(call, *vector_, from) : DeviceVector{};
  const cuda::DevicePointer y = call.output(Out::kY, x.shape);
  if (from.is_empty()) return;
  const View source = planes_.read(call, from, blocks_.x, x.data);
  const View target = planes_.target(call, to, blocks_.y, y);
  kernel_.run(call, {from, block, source, target, source.frequencies, made, phi,
                     constants_on(call, from), {}, vector},
              matrices_);
  planes_.write(call, to, target, y);
}

int FunctionOnCuda::made_of(const CudaCall& call, const Map& x, const Map& y) const {
  int made = is_linear_ ? x.frequencies(blocks_.y) : 2 * blocks_.y - 1;
  if (is_truncated_) made = band_frequencies(call.host_input(In::kBand), y, blocks_.y);
  check_places(y, blocks_.y, made);
  if (is_linear_ && y.is_compact) check_same_places(x, y, blocks_.y);
  return made;
}

cuda::DevicePointer FunctionOnCuda::constants_on(CudaCall& call, const Map& x) const {
  if (constants_count_ == 0) return 0;
  const auto make = [&] { return constants(call, x); };
  return are_fixed() ? constants_.get(call, x.channels, make) : call.upload(make());
}

std::vector<float> FunctionOnCuda::no_constants(const Map& x) const {
  return std::vector<float>(static_cast<size_t>(constants_count_ * cuda::padded(x.channels)));
}

std::vector<float> FunctionOnCuda::constants(CudaCall&, const Map& x) const {
  return no_constants(x);
}

}  // namespace jpegcompile
