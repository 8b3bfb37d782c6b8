#include "common/cuda_from_pixels.h"

#include <utility>
#include <vector>

namespace jpegcompile {

using cuda::View;

FromPixelsOnCuda::FromPixelsOnCuda(const Node& node, int x_block, int y_block)
    : x_block_(x_block),
      y_block_(y_block),
      x_group_(node.group(In::kX)),
      y_group_(node.group(Out::kY)),
      to_pixels_({}, false, cuda::standing(x_block, 0), View{}) {}

void FromPixelsOnCuda::compute(CudaCall& call) const {
  const DeviceTensor x = call.input(In::kX);
  const Map from = Map::of(x.shape, x_group_, "x");
  check_tiles(from, x_block_, "x");
  const Map to = Map::of(result(call, from).shape(), y_group_, "y");
  check_tiles(to, y_block_, "y");
  const cuda::DevicePointer y = call.output(Out::kY, to.shape());
  if (to.is_empty()) return;
  if (from.channels == 0) throw KernelError("x of shape " + x.shape.text() + " has no channels");
  const View target = planes_.target(call, to, y_block_, y);
  launch(call, {from, to, pixels(call, from, x.data), target});
  planes_.write(call, to, target, y);
}

View FromPixelsOnCuda::pixels(CudaCall& call, const Map& map, cuda::DevicePointer data) const {
  const View read = planes_.read(call, map, x_block_, data);
  if (read.is_pixels()) return read;
  const View made = cuda::channels_last(map, 1, call.scratch(cuda::channels_last_floats(map)));
  to_pixels_.run(call, {map, x_block_, read, made, read.frequencies, 1}, matrices_);
  return made;
}

cuda::Wanted FromPixelsOnCuda::wanted(const char* kernel, cuda::Constants others) const {
  cuda::Constants constants{{"PROGRAM", std::vector<cuda::Step>{}},
                            {"COUNT", 0},
                            {"APPROXIMATE", 0},
                            {"Y_ROWS", 0},
                            {"Y_MIXED", y_block_ > 1}};
  constants.merge(others);
  return {kernel, std::move(constants), {{"x", "*fp32"}, {"y", "*fp32"}}};
}

cuda::Arguments FromPixelsOnCuda::arguments(CudaCall& call, const Task& task) const {
  cuda::Arguments made;
  made.pointer("x", task.x.data);
  // What the kernel does not read is y.
  for (const char* unused : {"constants", "approximated"}) made.pointer(unused, task.y.data);
  made.pointer("forward", task.y.is_pixels()
                              ? task.y.data
                              : matrix_on(call, task.y.forward(task.y.frequencies), matrices_));
  made.pointer("y", task.y.data);
  cuda::put_tiles(made, task.to, y_block_);
  cuda::put_raster(made, cuda::kXNames, task.x);
  cuda::put_view(made, cuda::kYNames, task.y);
  return made;
}

}  // namespace jpegcompile
