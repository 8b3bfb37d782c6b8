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
      pixels_(x_block, x_group_, 0) {}

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
  const View stored = planes_.read(call, from, x_block_, x.data);
  launch(call, {from, to, pixels_.of(call, from, stored), target});
  planes_.write(call, to, target, y);
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
  // Pointers that the kernel does not read are set to y.
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
