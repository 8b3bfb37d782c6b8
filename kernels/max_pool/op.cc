// JpegMaxPool, JpegDilatedMaxPool and their Asm forms, SpatialMaxPool, JpegGlobalMaxPool.
#include <algorithm>

#include "generated/makers.h"
#include "max_pool/pool_rows.h"
#include "tiles/tiles.h"
#include "work/strips.h"

namespace jpegcompile {
namespace {

// Neighboring strips both read, and invert, the rows of the map between them. So strips are higher
// than for other operators.
constexpr int64_t kSharing = 4;

// A task inverts the tiles that its output rows read, pools their pixels, and transforms the
// result.
class MaxPool : public Kernel {
 public:
  explicit MaxPool(const Node& node)
      : window_(PoolWindow::of(node)),
        input_block_(node.block("input_block")),
        output_block_(node.block("output_block")),
        x_group_(node.group(In::kX)),
        x_frequencies_(node.frequencies(In::kX)),
        y_group_(node.group(Out::kY)),
        is_masked_(node.definition().masking == Masking::kAsm) {}

  void compute(const Call& call) const override {
    const Tensor x = call.input(In::kX);
    const Map from = Map::of(x.shape, x_group_, input_block_, x_frequencies_, "x");
    check_tiles(from, input_block_, "x");
    const Map to = window_.pooled(from, y_group_);
    check_tiles(to, output_block_, "y");
    const int frequencies = is_masked_
                                ? band_frequencies(call.input(In::kBand), from, input_block_)
                                : 0;
    float* y = call.output_floats(Out::kY, to.shape());
    const int64_t cost = output_block_ * window_.strides[0] * from.pitch() / kSharing;
    for_strips(call, to, output_block_, cost, [&](const Strip& strip) {
      const auto floats = static_cast<size_t>(strip.count * to.pitch());
      float* target = rows_target(to, y, strip.image, strip.group, strip.row,
                                  to.is_grouped ? nullptr : task_floats(1, floats));
      pool(from, x.floats(), to, strip, frequencies, target);
      if (output_block_ > 1) {
        forward_rows({target, target, strip.count, to.width, output_block_});
      }
      write_rows(to, y, strip.image, strip.group, strip.row, strip.count, target);
    });
  }

 private:
  void pool(const Map& from, const float* x, const Map& to, const Strip& strip, int frequencies,
            float* target) const {
    // Rows that the first and the last output row read, in whole tiles.
    const int64_t last = window_.first(0, strip.row + strip.count - 1) +
                         (window_.kernel[0] - 1) * window_.dilations[0];
    const int64_t begin = std::clamp<int64_t>(window_.first(0, strip.row), 0, from.height);
    const int64_t end = std::clamp<int64_t>(last + 1, begin, from.height);
    const int64_t row = begin / input_block_ * input_block_;
    const int64_t count = ceil_div(end, input_block_) * input_block_ - row;
    const auto floats = static_cast<size_t>(count * from.pitch());
    float* scratch = task_floats(0, 3 * floats + static_cast<size_t>(from.pitch()));
    const Tiles source =
        read_tiles(from, input_block_, x, strip.image, strip.group, row, count, scratch);
    const auto inverted = [&](const TileLayout& at, float* to) {
      inverse_rows({{source.first, at}, to, count, from.width, input_block_, from.pitch()});
      return to;
    };
    const float *pixels = source.first, *rough = nullptr;
    if (is_masked_) rough = inverted(source.at.within(frequencies), scratch + floats);
    if (input_block_ > 1) pixels = inverted(source.at, scratch + 2 * floats);
    max_pool_rows({window_, pixels, rough, target, scratch + 3 * floats, from.height, from.width,
                   row, strip.row, strip.count, to.width});
  }

  PoolWindow window_;
  int input_block_, output_block_;
  int64_t x_group_, x_frequencies_, y_group_;
  bool is_masked_;
};

}  // namespace

std::unique_ptr<Kernel> make_max_pool(const Node& node) { return std::make_unique<MaxPool>(node); }

}  // namespace jpegcompile
