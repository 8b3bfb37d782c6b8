// The operators of separable.cc on CUDA, launched like kernels/resample/launch.py does. The
// matrices of a node act on coefficients, which the kernel treats as pixels.
#include <memory>

#include "common/axis_operand.h"
#include "common/cuda_band.h"
#include "common/cuda_maps.h"
#include "common/separable.h"
#include "generated/makers.h"

namespace jpegcompile {
namespace {

BandOperand operand(const Node& node, In input, AxisOperand::Side side) {
  return BandOperand(node, input, [=](const Tensor& matrix) {
    return narrow_band(AxisOperand::matrix_of(matrix, side, name_of(input)));
  });
}

class SeparableOnCuda : public CudaKernel {
 public:
  explicit SeparableOnCuda(const Node& node)
      : block_(node.block("output_block")),
        x_group_(node.group(In::kX)),
        y_group_(node.group(Out::kY)),
        rows_(operand(node, In::kRows, AxisOperand::Side::kLeft)),
        columns_(operand(node, In::kColumns, AxisOperand::Side::kRight)),
        variants_({"resample.triton:resample",
                   {{"PROGRAM", std::vector<cuda::Step>{}},
                    {"COUNT", 0},
                    {"APPROXIMATE", 0},
                    {"Y_ROWS", 0},
                    {"Y_MIXED", 0}},
                   {{"x", "*fp32"}, {"y", "*fp32"}}}) {}

  void compute(CudaCall& call) const override {
    const auto rows = rows_.of(call), columns = columns_.of(call);
    const DeviceTensor x = call.input(In::kX);
    const Map from = Map::of(x.shape, x_group_, "x");
    const Map to = resampled(from, {rows->inputs, columns->inputs},
                             {rows->outputs, columns->outputs}, y_group_);
    check_tiles(to, block_, "y");
    const cuda::DevicePointer y = call.output(Out::kY, to.shape());
    if (to.is_empty()) return;
    const cuda::View target = planes_.target(call, to, 1, y);
    cuda::Arguments arguments;
    put_band(call, rows_, *rows, {"row_weights", "row_starts", "reach_h"}, arguments);
    put_band(call, columns_, *columns, {"column_weights", "column_starts", "reach_w"}, arguments);
    launch(call, planes_.read(call, from, 1, x.data), to, target, arguments);
    planes_.write(call, to, target, y);
  }

 private:
  struct Names {
    const char *weights, *starts, *reach;
  };

  static void put_band(CudaCall& call, const BandOperand& operand, const AxisBand& band,
                       const Names& names, cuda::Arguments& arguments) {
    arguments.pointer(names.weights, operand.values(call, band));
    arguments.pointer(names.starts, operand.starts(call, band));
    arguments.integer(names.reach, band.window);
  }

  void launch(CudaCall& call, const cuda::View& x, const Map& to, const cuda::View& y,
              cuda::Arguments& arguments) const {
    arguments.pointer("x", x.data);
    // Pointers that the kernel does not read are set to y.
    for (const char* unused : {"constants", "approximated", "forward", "y"}) {
      arguments.pointer(unused, y.data);
    }
    cuda::put_tiles(arguments, to, 1);
    cuda::put_raster(arguments, cuda::kXNames, x);
    cuda::put_view(arguments, cuda::kYNames, y);
    const int64_t rows = to.batch * to.plane(), channels = cuda::padded(to.channels);
    const cuda::Cubin& cubin = variants_.fastest(call.runtime(), call.chip(), rows, channels);
    call.launch(cubin, cuda::grid_of(cubin.tiling, rows, channels), arguments);
  }

  int block_;
  int64_t x_group_, y_group_;
  BandOperand rows_, columns_;
  PlanesOnCuda planes_;
  cuda::Variants variants_;
};

}  // namespace

std::unique_ptr<CudaKernel> make_separable_on_cuda(const Node& node) {
  return std::make_unique<SeparableOnCuda>(node);
}

}  // namespace jpegcompile
