// JpegIngest and JpegIngestGray: convert the coefficients and tables of files to a network's input.
//
// Each component is dequantized, multiplied by a matrix for rows and one for columns, and mixed
// with the other components. The matrices are identities if the component has the image's own
// resolution. Constants affect only DC coefficients. A task computes some rows of tiles of all
// channels of an image.
#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "common/axis_operand.h"
#include "generated/makers.h"
#include "ingest/component.h"
#include "ingest/geometry.h"
#include "ingest/ingest.h"
#include "work/strips.h"

namespace jpegcompile {
namespace {

// Planes of coefficients that share their matrices, and the numbers of their tables.
struct Planes {
  Tensor quantized;  // [N, count, block rows, block columns, 8, 8]
  const int64_t* tables = nullptr;
  const AxisMatrix* rows = nullptr;
  const ColumnChunks* columns = nullptr;
};

struct Inputs {
  std::array<Planes, kMaxPlanes> planes;
  size_t plane_count = 0;
  Tensor quantization, mixing, offset;
  int64_t components = 0;
  Map image;
};

// Computes rows of one plane, in whole chunks of columns.
void make_component(const Inputs& inputs, const Planes& planes, int64_t plane, const Strip& strip,
                    float* to, int64_t pitch) {
  const Shape& shape = planes.quantized.shape;
  const int64_t last_row = strip.row + strip.count, width = 8 * shape[3];
  const auto [first, last] = planes.rows->range(strip.row, last_row);
  const int64_t block_row = first / 8, block_rows = ceil_div(last, 8) - block_row;
  float* coefficients = task_floats(1, static_cast<size_t>((8 * block_rows + strip.count) * width));
  const int64_t index = (strip.image * shape[1] + plane) * shape[2] + block_row;
  const int16_t* quantized = planes.quantized.as<int16_t>() + index * 8 * width;
  const int64_t table = strip.image * inputs.quantization.shape[1] + planes.tables[plane];
  for (int64_t row = 0; row < block_rows; ++row) {
    dequantize({quantized + row * 8 * width, inputs.quantization.as<uint16_t>() + table * 64,
                shape[3], coefficients + row * 8 * width});
  }
  const float* rows = coefficients + (strip.row - 8 * block_row) * width;
  if (!planes.rows->is_identity(strip.row, last_row)) {
    float* made = coefficients + 8 * block_rows * width;
    apply_axis({*planes.rows, strip.row, last_row, coefficients, 8 * block_row, made, width, width,
                shape[3], 8, 8, 8});
    rows = made;
  }
  apply_columns({*planes.columns, rows, to, strip.count, width, pitch});
}

// Computes rows of all channels of one image, which begins at `y`.
void ingest_strip(const Inputs& inputs, const Map& to, const Strip& strip, int block, float* y) {
  const int64_t pitch = ceil_div(to.width, ColumnChunks::kWidth) * ColumnChunks::kWidth;
  const int64_t step = strip.count * pitch;
  float* components = task_floats(0, static_cast<size_t>(inputs.components * step));
  float* next = components;
  for (size_t index = 0; index < inputs.plane_count; ++index) {
    const Planes& planes = inputs.planes[index];
    for (int64_t plane = 0; plane < planes.quantized.shape[1]; ++plane, next += step) {
      make_component(inputs, planes, plane, strip, next, pitch);
    }
  }
  for (int64_t row = 0; row < strip.count; ++row) {
    float* target = y + (strip.row + row) * to.width;
    mix({components + row * pitch, step, inputs.components, inputs.mixing.floats(), target,
         to.plane(), to.channels, to.width});
    if (row % block != 0) continue;
    for (int64_t channel = 0; channel < to.channels; ++channel, target += to.plane()) {
      const float on_dc = inputs.offset.floats()[channel] * static_cast<float>(block);
      for (int64_t column = 0; column < to.width; column += block) target[column] += on_dc;
    }
  }
}

// Integer inputs other than table numbers are not read: the shapes of the planes contain the same
// numbers.
class Ingest : public ImageIngest {
 public:
  explicit Ingest(const Node& node) : planes_(planes_of(node)), block_(node.block("block")) {
    for (size_t index = 0; index < planes_.size(); ++index) {
      const PlaneInputs& plane = planes_[index];
      rows_.emplace_back(node, plane.rows, AxisOperand::Side::kLeft, "rows");
      columns_.emplace_back(node, plane.columns, AxisOperand::Side::kRight, "columns");
      if (const std::optional<Tensor> columns = node.constant(plane.columns)) {
        chunks_[index] = ColumnChunks::of(AxisMatrix::of_right(*columns, "columns"));
      }
    }
  }

  Map map(const Call& call) const override {
    Matrices matrices;
    const Map to = inputs(call, matrices).image;
    check_tiles(to, block_, "y");
    return to;
  }

  void ingest(const Call& call, int64_t first, int64_t count, float* y) const override {
    Matrices matrices;
    const Inputs taken = inputs(call, matrices);
    const Map& to = taken.image;
    // A strip contains all channels of its rows, so the work is divided as if there were one group.
    const Map shared{count, 1, to.height, to.width, false};
    for_strips(call, shared, block_, block_ * to.width * to.channels, [&](const Strip& strip) {
      ingest_strip(taken, to, {first + strip.image, 0, strip.row, strip.count}, block_,
                   y + strip.image * to.channels * to.plane());
    });
  }

 private:
  // Matrices that are not constant, converted at this call.
  struct Matrices {
    std::array<std::optional<AxisMatrix>, kMaxPlanes> rows, columns;
    std::array<ColumnChunks, kMaxPlanes> chunks;
  };

  Inputs inputs(const Call& call, Matrices& made) const {
    Inputs inputs;
    inputs.quantization = call.input(In::kQuantization);
    inputs.mixing = call.input(In::kMixing);
    inputs.offset = call.input(In::kOffset);
    inputs.plane_count = planes_.size();
    std::array<PlaneGeometry, kMaxPlanes> geometry;
    for (size_t index = 0; index < planes_.size(); ++index) {
      const AxisMatrix& left = rows_[index].of(call, made.rows[index]);
      const AxisMatrix& right = columns_[index].of(call, made.columns[index]);
      if (made.columns[index]) made.chunks[index] = ColumnChunks::of(right);
      const ColumnChunks& chunks = made.columns[index] ? made.chunks[index] : chunks_[index];
      const Tensor tables = call.input(planes_[index].tables);
      const Tensor quantized = call.input(planes_[index].quantized);
      inputs.planes[index] = {quantized, tables.as<int64_t>(), &left, &chunks};
      geometry[index] = {quantized.shape, table_numbers(tables), left.inputs, left.outputs,
                         right.inputs, right.outputs};
    }
    inputs.image = image_of(std::span(geometry).first(planes_.size()),
                            {inputs.quantization.shape, inputs.mixing.shape, inputs.offset.shape});
    inputs.components = inputs.mixing.shape[1];
    return inputs;
  }

  std::span<const PlaneInputs> planes_;
  int block_;
  std::vector<AxisOperand> rows_, columns_;
  std::array<ColumnChunks, kMaxPlanes> chunks_;
};

class IngestKernel : public Kernel {
 public:
  explicit IngestKernel(const Node& node) : ingest_(node) {}

  void compute(const Call& call) const override {
    const Map to = ingest_.map(call);
    ingest_.ingest(call, 0, to.batch, call.output_floats(Out::kY, to.shape()));
  }

 private:
  Ingest ingest_;
};

}  // namespace

std::span<const PlaneInputs> planes_of(const Node& node) {
  static constexpr PlaneInputs kPlanes[kMaxPlanes] = {
      {In::kLuma, In::kLumaIndex, In::kLumaRows, In::kLumaColumns},
      {In::kChroma, In::kChromaIndex, In::kChromaRows, In::kChromaColumns}};
  return std::span(kPlanes).first(node.has(In::kChroma) ? 2 : 1);
}

std::unique_ptr<ImageIngest> image_ingest(const Node& node) {
  return std::make_unique<Ingest>(node);
}

std::unique_ptr<Kernel> make_ingest(const Node& node) {
  return std::make_unique<IngestKernel>(node);
}

}  // namespace jpegcompile
