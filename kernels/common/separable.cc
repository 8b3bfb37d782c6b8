// JpegAveragePool, JpegReduceMean, JpegSlice, JpegPad, JpegResize and others: y = rows x columns,
// with one matrix for each axis of a map.
#include <algorithm>
#include <string>

#include "common/axis_operand.h"
#include "common/separable.h"
#include "generated/makers.h"
#include "tiles/axis.h"
#include "tiles/map.h"
#include "work/strips.h"

namespace jpegcompile {
namespace {

// A task computes some rows of a group of channels. It first sums over the map's rows, then over
// its columns.
class Separable : public Kernel {
 public:
  explicit Separable(const Node& node)
      : unit_(node.block("output_block")),
        x_group_(node.group(In::kX)),
        y_group_(node.group(Out::kY)),
        rows_(node, In::kRows, AxisOperand::Side::kLeft, "rows"),
        columns_(node, In::kColumns, AxisOperand::Side::kRight, "columns") {}

  void compute(const Call& call) const override {
    std::optional<AxisMatrix> rows_made, columns_made;
    const AxisMatrix& rows = rows_.of(call, rows_made);
    const AxisMatrix& columns = columns_.of(call, columns_made);
    const Tensor x = call.input(In::kX);
    const Map from = Map::of(x.shape, x_group_, "x");
    const Map to = resampled(from, {rows.inputs, columns.inputs}, {rows.outputs, columns.outputs},
                             y_group_);
    check_tiles(to, unit_, "y");
    float* y = call.output_floats(Out::kY, to.shape());
    if (to.height == 0) return;
    // Each output row costs an equal part of the map.
    const int64_t taken = ceil_div(from.height * from.pitch(), to.height);
    const int64_t cost = unit_ * std::max(taken, to.pitch());
    for_strips(call, to, unit_, cost, [&](const Strip& strip) {
      make_rows(from, x.floats(), to, strip, rows, columns, y);
    });
  }

 private:
  static void make_rows(const Map& from, const float* x, const Map& to, const Strip& strip,
                        const AxisMatrix& rows, const AxisMatrix& columns, float* y) {
    const auto [image, group, row, count] = strip;
    const auto [first, last] = rows.range(row, row + count);
    const int64_t pitch = from.pitch();
    const auto taken = static_cast<size_t>((last - first) * pitch);
    float* scratch = task_floats(0, taken + static_cast<size_t>(count * pitch));
    float* sums = scratch + taken;
    const float* source = read_rows(from, x, image, group, first, last - first, scratch);
    float* target = rows_target(
        to, y, image, group, row,
        to.is_grouped ? nullptr : task_floats(1, static_cast<size_t>(count * to.pitch())));
    apply_axis({rows, row, row + count, source, first, sums, pitch, pitch, from.width, kLanes,
                kLanes});
    apply_axis({columns, 0, to.width, sums, 0, target, kLanes, kLanes, count, pitch, to.pitch()});
    write_rows(to, y, image, group, row, count, target);
  }

  int64_t unit_;
  int64_t x_group_, y_group_;
  AxisOperand rows_, columns_;
};

}  // namespace

Map resampled(const Map& from, const AxisSizes& taken, const AxisSizes& made, int64_t group) {
  if (taken.rows != from.height || taken.columns != from.width) {
    throw KernelError("x of shape " + from.shape().text() +
                      " does not match the matrices, which are for " +
                      std::to_string(taken.rows) + "x" + std::to_string(taken.columns));
  }
  return Map::of({from.batch, from.channels, made.rows, made.columns}, group, "y");
}

std::unique_ptr<Kernel> make_separable(const Node& node) {
  return std::make_unique<Separable>(node);
}

}  // namespace jpegcompile
