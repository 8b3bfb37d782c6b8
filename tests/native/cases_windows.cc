// Pooling, matrices along the axes, and pixels that become channels.
#include <cmath>

#include "cases.h"

namespace jpegcompile {
namespace {

using reference::Window;

struct PoolShape {
  TileShape x;
  Window window;
  int64_t output_block;
};

const std::vector<PoolShape>& pool_shapes() {
  static const std::vector<PoolShape> kShapes = {
      {{2, 16, 16, 24, 8}, {{3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}}, 4},
      {{1, 17, 32, 16, 8}, {{2, 2}, {2, 2}, {0, 0, 0, 0}, {1, 1}}, 8},
      {{3, 3, 8, 12, 4}, {{3, 2}, {1, 1}, {1, 0, 1, 1}, {1, 1}}, 4},
      {{2, 48, 7, 5, 1}, {{3, 3}, {2, 1}, {0, 1, 2, 1}, {1, 1}}, 1},
      {{1, 32, 9, 11, 1}, {{3, 3}, {1, 2}, {2, 2, 2, 2}, {2, 3}}, 1},
      {{0, 16, 8, 8, 2}, {{2, 2}, {2, 2}, {0, 0, 0, 0}, {1, 1}}, 2},
      {{1, 1, 2, 2, 2}, {{1, 1}, {1, 1}, {0, 0, 0, 0}, {1, 1}}, 2},
      {{2, 16, 6, 6, 2}, {{3, 3}, {3, 3}, {0, 0, 0, 0}, {1, 1}}, 2},
      {{1, 16, 64, 48, 8}, {{3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}}, 8},
      // A window that contains only padding.
      {{1, 16, 4, 4, 1}, {{2, 2}, {3, 3}, {2, 2, 2, 2}, {1, 1}}, 1}};
  return kShapes;
}

std::vector<int64_t> list(const auto& values) { return {values.begin(), values.end()}; }

Case pool_case(Random& random, const std::string& op, const PoolShape& shape, size_t turn) {
  auto [batch, channels, height, width, block] = shape.x;
  Window window = shape.window;
  const bool is_spatial = op == "SpatialMaxPool", is_masked = op.starts_with("JpegAsm");
  const bool is_dilated = is_spatial || op.ends_with("DilatedMaxPool");
  if (!is_dilated) window.dilations = {1, 1};
  int64_t output_block = is_spatial ? 1 : shape.output_block;
  if (is_spatial) block = 1;
  const auto [x_group, y_group] = layout(turn, channels, channels);
  const Order order = order_of(turn, x_group, block);
  const Map x = random_operand(random, Map(batch, channels, height, width), order);
  Case made{op, {{"x_group", x_group}, {"y_group", y_group}}, {}, {}, {}, 0, y_group, order};
  made.attributes["x_frequencies"] = order.frequencies;
  made.attributes["kernel_shape"] = list(window.kernel);
  made.attributes["strides"] = list(window.strides);
  made.attributes["pads"] = list(window.pads);
  made.attributes["dilations"] = list(window.dilations);
  made.attributes["input_block"] = block;
  made.attributes["output_block"] = output_block;
  made.inputs.push_back(tensor(x, order));
  const Map pixels = to_spatial(x, block);
  Map rough = pixels;
  if (is_masked) {
    const int64_t frequencies = 1 + static_cast<int64_t>(turn) % (2 * block - 1);
    made.inputs.push_back(band(height, width, block, frequencies));
    rough = to_spatial(band_of(x, block, frequencies), block);
    // Equal approximations, such as the mean of a tile, must compare equal in either precision.
    if (frequencies == 1) rough = each(rough, [](double v) { return std::round(v * 1e5) / 1e5; });
  }
  if (!is_spatial) add_unused(made, 4);
  if (is_masked) made.inputs.push_back(integers({-1}));
  const Map pooled = max_pool(pixels, rough, window, is_masked ? 1e-5 : 0);
  made.expected = to_jpeg(pooled, output_block);
  // A window that contains only padding returns the lowest number, which is compared relative to
  // it.
  double most = 4;
  for (const double value : pooled.values) {
    if (!std::isnan(value)) most = std::max(most, std::abs(value));
  }
  made.allowed = rounding(2 * transform_roundings(8), most * static_cast<double>(block));
  return made;
}

Case global_case(Random& random, const std::string& op, const TileShape& shape, size_t turn) {
  const bool is_spatial = op.starts_with("Spatial");
  const int64_t block = is_spatial ? 1 : shape.block;
  const int64_t x_group = layout(turn, shape.channels, 1).x;
  const Order order = order_of(turn, x_group, block);
  const Map x = random_operand(
      random, Map(shape.batch, shape.channels, shape.height, shape.width), order);
  Case made{op, {{"input_block", block}, {"output_block", int64_t{1}}, {"x_group", x_group},
                 {"x_frequencies", order.frequencies}},
            {}, {}, Map(x.batch, x.channels, 1, 1), 0, 1, order};
  made.inputs.push_back(tensor(x, order));
  if (!is_spatial) add_unused(made, 2);
  const Map pixels = to_spatial(x, block);
  const int64_t plane = x.height * x.width;
  for (int64_t index = 0; index < x.batch * x.channels; ++index) {
    const auto* from = pixels.values.data() + index * plane;
    double value = *from;
    for (int64_t pixel = 1; pixel < plane; ++pixel) {
      value = op.ends_with("MaxPool") ? std::max(value, from[pixel]) : value + from[pixel];
    }
    made.expected.values[static_cast<size_t>(index)] =
        op.ends_with("MaxPool") ? value : value / static_cast<double>(plane);
  }
  made.allowed = rounding(transform_roundings(block) + static_cast<double>(x.height + x.width),
                          static_cast<double>(block) * 2);
  return made;
}

// A sparse matrix, as for windows.
Map sparse_matrix(Random& random, int64_t rows, int64_t columns) {
  Map matrix(1, 1, rows, columns);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < columns; ++column) {
      if (std::abs(row * columns - column * rows) <= 8 * std::max(rows, columns)) {
        matrix.at(0, 0, row, column) = random.number();
      }
    }
  }
  return matrix;
}

Value matrix_value(const Map& matrix) { return numbers(matrix.values, {matrix.height, matrix.width}); }

Case separable_case(Random& random, const std::string& op, const TileShape& shape, size_t turn) {
  const auto [batch, channels, height, width, block] = shape;
  const auto [x_group, y_group] = layout(turn, channels, channels);
  const Map x = random_map(random, batch, channels, height, width);
  const int64_t output_block = turn % 3 == 0 ? 1 : block;
  const int64_t out_height = output_block * (1 + random.below(4));
  const int64_t out_width = output_block * (1 + random.below(6));
  const Map rows = sparse_matrix(random, out_height, height);
  const Map columns = sparse_matrix(random, width, out_width);
  Case made{op, {{"output_block", output_block}, {"x_group", x_group}, {"y_group", y_group}},
            {}, {}, separable(x, rows, columns), 0, y_group};
  made.inputs = {tensor(x, x_group), matrix_value(rows), matrix_value(columns)};
  // Computed matrices are read at every call.
  made.may_allocate = turn % 2 != 0;
  if (turn % 2 == 0) made.constants = {1, 2};
  const Map sums = separable(each(x, [](double v) { return std::abs(v); }),
                             each(rows, [](double v) { return std::abs(v); }),
                             each(columns, [](double v) { return std::abs(v); }));
  made.allowed = rounding(static_cast<double>(height + width), largest(sums));
  return made;
}

struct SideShape {
  TileShape x;  // in pixels of the finer map: the input, or the output of JpegDepthToSpace
  int64_t side, coarse_block;
};

Case rearrange_case(Random& random, const std::string& op, const SideShape& shape, size_t turn) {
  const auto [batch, channels, height, width, fine_block] = shape.x;
  const int64_t side = shape.side;
  const bool to_depth = op == "JpegSpaceToDepth";
  const Map fine(batch, channels, height, width);
  const Map coarse(batch, channels * side * side, height / side, width / side);
  const int64_t input_block = to_depth ? fine_block : shape.coarse_block;
  const int64_t output_block = to_depth ? shape.coarse_block : fine_block;
  const Map x = random_blocks(random, to_depth ? fine : coarse, input_block);
  const auto [x_group, y_group] = layout(turn, x.channels, (to_depth ? coarse : fine).channels);
  const Map pixels = to_spatial(x, input_block);
  Case made{op, {{"blocksize", side}, {"input_block", input_block}, {"output_block", output_block},
                 {"x_group", x_group}, {"y_group", y_group}}, {}, {}, {}, 0, y_group};
  made.inputs.push_back(tensor(x, x_group));
  add_unused(made, 4);
  made.expected = to_jpeg(to_depth ? space_to_depth(pixels, side) : depth_to_space(pixels, side),
                          output_block);
  made.allowed = rounding(2 * transform_roundings(8), 2.0 * static_cast<double>(fine_block));
  return made;
}

}  // namespace

std::vector<Case> window_cases(Selection& selection) {
  Random random(3);
  std::vector<Case> cases;
  size_t turn = 0;
  for (const char* op : {"JpegMaxPool", "JpegDilatedMaxPool", "JpegAsmMaxPool",
                         "JpegAsmDilatedMaxPool", "SpatialMaxPool"}) {
    for (const PoolShape& shape : pool_shapes()) {
      ++turn;
      if (selection.takes(op)) cases.push_back(pool_case(random, op, shape, turn));
    }
    ++turn;
  }
  for (const char* op : {"JpegGlobalAveragePool", "SpatialGlobalAveragePool", "JpegGlobalMaxPool"}) {
    for (const TileShape& shape : tile_shapes()) {
      ++turn;
      if (selection.takes(op)) cases.push_back(global_case(random, op, shape, turn));
    }
  }
  for (const char* op : {"JpegAveragePool", "JpegSlice", "JpegPad", "JpegResize", "JpegReduceMean",
                         "JpegReduceSum"}) {
    for (const TileShape& shape : tile_shapes()) {
      ++turn;
      if (selection.takes(op)) cases.push_back(separable_case(random, op, shape, turn));
    }
    ++turn;
  }
  const std::vector<SideShape> sides = {
      {{2, 3, 16, 24, 8}, 2, 4}, {{1, 16, 16, 16, 8}, 2, 8}, {{3, 4, 12, 8, 4}, 4, 1},
      {{1, 17, 6, 10, 2}, 2, 1}, {{0, 16, 8, 8, 8}, 2, 4},   {{2, 1, 9, 15, 1}, 3, 1},
      {{1, 48, 8, 4, 4}, 1, 4},  {{1, 32, 32, 48, 8}, 2, 8}};
  for (const char* op : {"JpegSpaceToDepth", "JpegDepthToSpace"}) {
    for (const SideShape& shape : sides) {
      ++turn;
      if (selection.takes(op)) cases.push_back(rearrange_case(random, op, shape, turn));
    }
    ++turn;
  }
  return cases;
}

}  // namespace jpegcompile
