// From files' coefficients and tables to a network's input.
#include "cases.h"

namespace jpegcompile {
namespace {

struct IngestShape {
  int64_t batch, luma_rows, luma_columns, chroma_rows, chroma_columns;  // blocks
  int64_t height, width, block, channels;
};

Value quantised(Random& random, int64_t batch, int64_t planes, int64_t rows, int64_t columns) {
  Value value(stand_in::ElementType::kInt16, {batch, planes, rows, columns, 8, 8});
  for (size_t i = 0; i < value.elements; ++i) {
    value.as<int16_t>()[i] = static_cast<int16_t>(random.below(65) - 32);
  }
  return value;
}

Value tables(Random& random, int64_t batch, int64_t count) {
  Value value(stand_in::ElementType::kUint16, {batch, count, 8, 8});
  for (size_t i = 0; i < value.elements; ++i) {
    value.as<uint16_t>()[i] = static_cast<uint16_t>(1 + random.below(255));
  }
  return value;
}

Map dequantised(const Value& blocks, const Value& table, const std::vector<int64_t>& numbers) {
  Map map(blocks.shape[0], blocks.shape[1], blocks.shape[2] * 8, blocks.shape[3] * 8);
  const int16_t* from = blocks.as<int16_t>();
  for (int64_t n = 0; n < map.batch; ++n) {
    for (int64_t c = 0; c < map.channels; ++c) {
      const int64_t number = n * table.shape[1] + numbers[static_cast<size_t>(c)];
      for (int64_t row = 0; row < map.height / 8; ++row) {
        for (int64_t column = 0; column < map.width / 8; ++column) {
          for (int64_t k = 0; k < 64; ++k) {
            const double step = table.as<uint16_t>()[number * 64 + k];
            map.at(n, c, row * 8 + k / 8, column * 8 + k % 8) = *from++ * step;
          }
        }
      }
    }
  }
  return map;
}

Map identity_or_random(Random& random, int64_t rows, int64_t columns) {
  Map matrix(1, 1, rows, columns);
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) {
      const bool is_near = std::abs(i * columns - j * rows) < 12 * std::max(rows, columns);
      matrix.at(0, 0, i, j) = rows == columns ? i == j : is_near ? random.number() : 0;
    }
  }
  return matrix;
}

Case ingest_case(Random& random, bool is_gray, const IngestShape& shape, size_t turn) {
  const int64_t batch = shape.batch;
  Case made{is_gray ? "JpegIngestGray" : "JpegIngest", {{"block", shape.block}}, {}, {}, {}, 0, 1};
  const Value table = tables(random, batch, 3);
  std::vector<Value> planes, matrices;
  std::vector<std::vector<int64_t>> used = {{turn % 2 == 0 ? 0 : 2}, {1, 0}};
  planes.push_back(quantised(random, batch, 1, shape.luma_rows, shape.luma_columns));
  if (!is_gray) {
    planes.push_back(quantised(random, batch, 2, shape.chroma_rows, shape.chroma_columns));
  }
  Map components(batch, is_gray ? 1 : 3, shape.height, shape.width);
  int64_t next = 0;
  for (size_t i = 0; i < planes.size(); ++i) {
    const Map map = dequantised(planes[i], table, used[i]);
    const Map rows = identity_or_random(random, shape.height, map.height);
    const Map columns = identity_or_random(random, map.width, shape.width);
    const Map component = separable(map, rows, columns);
    matrices.push_back(numbers(rows.values, {rows.height, rows.width}));
    matrices.push_back(numbers(columns.values, {columns.height, columns.width}));
    components = each_channel(components, [&](double v, int64_t, int64_t) { return v; });
    for (int64_t n = 0; n < batch; ++n) {
      for (int64_t c = 0; c < component.channels; ++c) {
        for (int64_t y = 0; y < shape.height; ++y) {
          for (int64_t x = 0; x < shape.width; ++x) {
            components.at(n, next + c, y, x) = component.at(n, c, y, x);
          }
        }
      }
    }
    next += component.channels;
  }
  const Map mixing = random_map(random, shape.channels, components.channels, 1, 1);
  std::vector<double> offset;
  for (int64_t c = 0; c < shape.channels; ++c) offset.push_back(random.number());
  made.expected = convolve(components, mixing, {}, 1);
  add_to_dc(made.expected, shape.block, [&](int64_t, int64_t c) {
    return offset[static_cast<size_t>(c)] * static_cast<double>(shape.block);
  });
  made.allowed = rounding(128, largest(components) * 48);
  for (Value& plane : planes) made.inputs.push_back(std::move(plane));
  made.inputs.push_back(table);
  for (size_t i = 0; i < (is_gray ? 1U : 2U); ++i) {
    made.inputs.push_back(integers(used[i]));
    made.inputs.push_back(integers({0}));
    made.inputs.push_back(integers({0}));
  }
  for (Value& matrix : matrices) {
    if (turn % 2 == 0) made.constants.insert(made.inputs.size());
    made.inputs.push_back(std::move(matrix));
  }
  made.inputs.push_back(tensor(mixing));
  made.inputs.push_back(numbers(offset, {shape.channels, 1, 1}));
  add_unused(made, 1);
  return made;
}

}  // namespace

std::vector<Case> ingest_cases(Selection& selection) {
  Random random(5);
  const std::vector<IngestShape> shapes = {
      {2, 2, 3, 1, 2, 16, 24, 8, 3}, {1, 3, 3, 2, 2, 20, 12, 4, 3}, {3, 1, 1, 1, 1, 7, 5, 1, 1},
      {0, 2, 2, 1, 1, 16, 16, 8, 3}, {1, 4, 5, 2, 3, 30, 38, 2, 4}, {1, 8, 8, 4, 4, 64, 64, 8, 3}};
  std::vector<Case> cases;
  size_t turn = 0;
  for (const bool is_gray : {false, true}) {
    for (const IngestShape& shape : shapes) {
      ++turn;
      if (selection.takes(is_gray ? "JpegIngestGray" : "JpegIngest")) {
        cases.push_back(ingest_case(random, is_gray, shape, turn));
      }
    }
    ++turn;
  }
  return cases;
}

}  // namespace jpegcompile
