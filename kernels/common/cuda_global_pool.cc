#include "common/cuda_global_pool.h"

namespace jpegcompile {

GlobalPoolOnCuda::GlobalPoolOnCuda(const Node& node, const char* kernel)
    : block_(node.block("input_block")),
      x_group_(node.group(In::kX)),
      x_frequencies_(node.frequencies(In::kX)),
      variants_({kernel,
                 {{"PROGRAM", std::vector<cuda::Step>{}}, {"COUNT", 0}},
                 {{"x", "*fp32"}, {"y", "*fp32"}}}) {}

void GlobalPoolOnCuda::compute(CudaCall& call) const {
  const DeviceTensor x = call.input(In::kX);
  const Map from = Map::of(x.shape, x_group_, block_, x_frequencies_, "x");
  check_tiles(from, block_, "x");
  if (from.plane() == 0) throw KernelError("x of shape " + x.shape.text() + " has no pixels");
  // The result has one pixel per channel, so NCHW and grouped channels are the same if the groups
  // are full.
  const Map to{from.batch, from.channels, 1, 1, from.channels % kLanes == 0};
  const cuda::DevicePointer y = call.output(Out::kY, to.shape());
  if (from.is_empty()) return;
  const cuda::View target = planes_.target(call, to, 1, y);
  cuda::Arguments arguments;
  put_input(call, from, planes_.read(call, from, block_, x.data), arguments);
  launch(call, from, target, arguments);
  planes_.write(call, to, target, y);
}

void GlobalPoolOnCuda::launch(CudaCall& call, const Map& from, const cuda::View& y,
                              cuda::Arguments& arguments) const {
  const int64_t channels = cuda::padded(from.channels);
  arguments.pointer("constants", y.data);
  arguments.pointer("y", y.data);
  arguments.integer("rows", from.batch);
  arguments.integer("channels", channels);
  cuda::put_view(arguments, cuda::kYNames, y);
  const cuda::Cubin& cubin = variants_.fastest(call.runtime(), call.chip(), from.batch, channels);
  const int64_t parts = (channels + cubin.tiling.channels - 1) / cubin.tiling.channels;
  call.launch(cubin, {from.batch, parts, 1}, arguments);
}

}  // namespace jpegcompile
