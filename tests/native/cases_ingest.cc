// From coefficients and tables of files to a network's input.
#include "ingest.h"

#include <algorithm>

namespace jpegcompile {
namespace {

struct IngestShape {
  int64_t batch, luma_rows, luma_columns, chroma_rows, chroma_columns;  // in blocks
  int64_t height, width, block, channels;
};

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

Plane random_plane(Random& random, const IngestShape& shape, std::vector<int64_t> tables,
                   int64_t rows, int64_t columns) {
  Plane plane{zero_plane(shape.batch, static_cast<int64_t>(tables.size()), rows, columns), tables,
              identity_or_random(random, shape.height, rows * 8),
              identity_or_random(random, columns * 8, shape.width)};
  std::generate_n(plane.quantized.as<int16_t>(), plane.quantized.elements,
                  [&] { return static_cast<int16_t>(random.below(65) - 32); });
  return plane;
}

Case ingest_case(Random& random, bool is_gray, const IngestShape& shape, size_t turn) {
  Ingest ingest;
  ingest.block = shape.block;
  ingest.quantization = random_tables(random, shape.batch, 3, 255);
  ingest.planes.push_back(random_plane(random, shape, {turn % 2 == 0 ? 0 : 2}, shape.luma_rows,
                                       shape.luma_columns));
  if (!is_gray) {
    ingest.planes.push_back(
        random_plane(random, shape, {1, 0}, shape.chroma_rows, shape.chroma_columns));
  }
  ingest.mixing = random_map(random, shape.channels, is_gray ? 1 : 3, 1, 1);
  for (int64_t c = 0; c < shape.channels; ++c) ingest.offset.push_back(random.number());
  Case made{is_gray ? "JpegIngestGray" : "JpegIngest", {{"block", shape.block}}, ingest.inputs(),
            {}, ingest.image(), rounding(128, largest(ingest.components()) * 48), 1};
  const size_t first = ingest.first_matrix();
  // Computed matrices are read at every call.
  made.may_allocate = turn % 2 != 0;
  for (size_t index = 0; turn % 2 == 0 && index < 2 * ingest.planes.size(); ++index) {
    made.constants.insert(first + index);
  }
  return made;
}

}  // namespace

std::vector<Value> Ingest::inputs() const {
  std::vector<Value> inputs;
  for (const Plane& plane : planes) inputs.push_back(plane.quantized);
  inputs.push_back(quantization);
  for (const Plane& plane : planes) {
    inputs.push_back(integers(plane.tables));
    inputs.push_back(integers({0}));
    inputs.push_back(integers({0}));
  }
  for (const Plane& plane : planes) {
    for (const Map* matrix : {&plane.rows, &plane.columns}) {
      inputs.push_back(numbers(matrix->values, {matrix->height, matrix->width}));
    }
  }
  inputs.push_back(tensor(mixing));
  inputs.push_back(numbers(offset, {static_cast<int64_t>(offset.size()), 1, 1}));
  inputs.push_back(unused());
  return inputs;
}

Map Ingest::components() const {
  Map made(planes[0].quantized.shape[0], mixing.channels, planes[0].rows.height,
           planes[0].columns.width);
  const int64_t pixels = made.height * made.width;
  int64_t first = 0;
  for (const Plane& plane : planes) {
    const Map part = separable(dequantized(plane, quantization), plane.rows, plane.columns);
    for (int64_t n = 0; n < made.batch; ++n) {
      std::copy_n(part.values.begin() + n * part.channels * pixels, part.channels * pixels,
                  made.values.begin() + (n * made.channels + first) * pixels);
    }
    first += part.channels;
  }
  return made;
}

Map Ingest::image() const {
  Map made = convolve(components(), mixing, {}, 1);
  add_to_dc(made, block, [&](int64_t, int64_t c) {
    return offset[static_cast<size_t>(c)] * static_cast<double>(block);
  });
  return made;
}

Value random_tables(Random& random, int64_t batch, int64_t count, int64_t most) {
  Value value(stand_in::ElementType::kUint16, {batch, count, 8, 8});
  std::generate_n(value.as<uint16_t>(), value.elements,
                  [&] { return static_cast<uint16_t>(1 + random.below(most)); });
  return value;
}

Value zero_plane(int64_t batch, int64_t planes, int64_t rows, int64_t columns) {
  Value value(stand_in::ElementType::kInt16, {batch, planes, rows, columns, 8, 8});
  std::fill_n(value.as<int16_t>(), value.elements, int16_t{0});
  return value;
}

Map dequantized(const Plane& plane, const Value& quantization) {
  const Value& blocks = plane.quantized;
  Map map(blocks.shape[0], blocks.shape[1], blocks.shape[2] * 8, blocks.shape[3] * 8);
  const int16_t* from = blocks.as<int16_t>();
  for (int64_t n = 0; n < map.batch; ++n) {
    for (int64_t c = 0; c < map.channels; ++c) {
      const int64_t number = n * quantization.shape[1] + plane.tables[static_cast<size_t>(c)];
      for (int64_t row = 0; row < map.height / 8; ++row) {
        for (int64_t column = 0; column < map.width / 8; ++column) {
          for (int64_t k = 0; k < 64; ++k) {
            const double step = quantization.as<uint16_t>()[number * 64 + k];
            map.at(n, c, row * 8 + k / 8, column * 8 + k % 8) = *from++ * step;
          }
        }
      }
    }
  }
  return map;
}

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
