#include "ingest/cuda_image.h"

#include <algorithm>
#include <string>

#include "ingest/geometry.h"

namespace jpegcompile {
namespace {

// Largest number of coefficients of a chroma row that a step reads. Luma steps read 16.
constexpr int64_t kMaxStep = 32;
// Factors of three components and a constant.
constexpr int64_t kMixed = 4;

int64_t chroma_step(const AxisBand& columns) { return std::min(columns.window, kMaxStep); }

}  // namespace

// Names of the arguments of a plane.
struct ImageIngestOnCuda::Names {
  const char *coefficients, *rows, *row_starts, *columns, *column_starts;
  const char *blocks_y, *blocks_x, *steps_h, *steps_w;
  std::array<const char*, 2> tables;
  int64_t components;

  static const Names& of(size_t plane) {
    static constexpr std::array<Names, kMaxPlanes> kNames = {
        Names{"luma", "luma_rows", "luma_row_starts", "luma_columns", "luma_column_starts",
              "luma_blocks_y", "luma_blocks_x", "luma_steps_h", "luma_steps_w", {"luma_table"}, 1},
        Names{"chroma", "chroma_rows", "chroma_row_starts", "chroma_columns",
              "chroma_column_starts", "chroma_blocks_y", "chroma_blocks_x", "chroma_steps_h",
              "chroma_steps_w", {"blue_table", "red_table"}, 2}};
    return kNames.at(plane);
  }
};

ImageIngestOnCuda::ImageIngestOnCuda(const Node& node, Result result)
    : planes_(planes_of(node)),
      result_(result),
      block_(node.block("block")),
      mixing_(node, In::kMixing),
      offset_(node, In::kOffset) {
  const int taken_back = result == Result::kPixels ? block_ : 1;
  const auto add = [&](In input, AxisOperand::Side side) {
    bands_.push_back(std::make_unique<BandOperand>(node, input, [=](const Tensor& matrix) {
      return ingest_band(matrix, side, taken_back);
    }));
  };
  for (const PlaneInputs& plane : planes_) {
    add(plane.rows, AxisOperand::Side::kLeft);
    add(plane.columns, AxisOperand::Side::kRight);
  }
}

FilesOnCuda ImageIngestOnCuda::files(const CudaCall& call) const {
  FilesOnCuda files;
  files.quantization = call.input(In::kQuantization);
  std::array<PlaneGeometry, kMaxPlanes> geometry;
  for (size_t index = 0; index < planes_.size(); ++index) {
    const PlaneInputs& inputs = planes_[index];
    FilesOnCuda::Plane& plane = files.planes.at(index);
    plane = {call.input(inputs.quantized), table_numbers(call.host_input(inputs.tables)),
             bands_[2 * index]->of(call), bands_[2 * index + 1]->of(call)};
    geometry.at(index) = {plane.quantized.shape, plane.tables, plane.rows->inputs,
                          plane.rows->outputs, plane.columns->inputs, plane.columns->outputs};
  }
  files.image = image_of(
      std::span(geometry).first(planes_.size()),
      {files.quantization.shape, mixing_.of(call).shape, offset_.of(call).shape});
  for (size_t index = 0; index < planes_.size(); ++index) {
    const Shape& shape = files.planes.at(index).quantized.shape;
    const int64_t components = Names::of(index).components;
    if (shape[1] == components) continue;
    throw KernelError("coefficients of shape " + shape.text() + " have " +
                      std::to_string(shape[1]) + " components; on CUDA they must have " +
                      std::to_string(components));
  }
  check_tiles(files.image, block_, "y");
  return files;
}

const cuda::Variants& ImageIngestOnCuda::variants(const FilesOnCuda& files) const {
  const bool has_color = planes_.size() > 1;
  const FilesOnCuda::Plane& chroma = files.planes[1];
  return variants_.of(
      {"ingest.triton:ingest",
       {{"COLOR", has_color},
        {"PLANES", result_ == Result::kPlanes},
        {"CHROMA_WIDTH", has_color ? chroma_step(*chroma.columns) : kSideOnCuda}},
       {{"luma", "*i16"}, {"y", "*fp32"}}});
}

void ImageIngestOnCuda::run(CudaCall& call, const FilesOnCuda& files, cuda::DevicePointer y,
                            int64_t stored) const {
  const Map& image = files.image;
  cuda::Arguments arguments;
  for (size_t index = 0; index < kMaxPlanes; ++index) {
    put_plane(call, files, index, y, arguments);
  }
  arguments.pointer("quantization", files.quantization.data);
  arguments.pointer("mixing", mixing_on(call, stored));
  arguments.pointer("y", y);
  arguments.integer("height", image.height);
  arguments.integer("width", image.width);
  arguments.integer("stored", stored);
  arguments.integer("log_block", result_ == Result::kPixels ? 0 : cuda::log2_of(block_));
  arguments.integer("tables", files.quantization.shape[1]);
  const cuda::Cubin& cubin = variants(files).fastest(
      call.runtime(), call.chip(), image.height, image.width, [](const cuda::Tiling& tiling) {
        return tiling.rows == kSideOnCuda && tiling.channels == kSideOnCuda;
      });
  cuda::Grid grid = cuda::grid_of(cubin.tiling, image.height, image.width);
  grid.z = image.batch;
  call.launch(cubin, grid, arguments);
}

// A missing plane is one block of y, which the kernel does not read.
void ImageIngestOnCuda::put_plane(CudaCall& call, const FilesOnCuda& files, size_t index,
                                  cuda::DevicePointer y, cuda::Arguments& arguments) const {
  const Names& names = Names::of(index);
  const bool is_there = index < planes_.size();
  const FilesOnCuda::Plane& plane = files.planes.at(index);
  const auto put_axis = [&](size_t axis, const std::shared_ptr<const AxisBand>& band,
                            const char* values, const char* starts, const char* steps) {
    arguments.pointer(values, is_there ? bands_[2 * index + axis]->values(call, *band) : y);
    arguments.pointer(starts, is_there ? bands_[2 * index + axis]->starts(call, *band) : y);
    if (!is_there) return arguments.integer(steps, 1);
    const bool is_long = index == 1 && axis == 1;
    arguments.integer(steps, band->window / (is_long ? chroma_step(*band) : kSideOnCuda));
  };
  arguments.pointer(names.coefficients, is_there ? plane.quantized.data : y);
  put_axis(0, plane.rows, names.rows, names.row_starts, names.steps_h);
  put_axis(1, plane.columns, names.columns, names.column_starts, names.steps_w);
  arguments.integer(names.blocks_y, is_there ? plane.quantized.shape[2] : 1);
  arguments.integer(names.blocks_x, is_there ? plane.quantized.shape[3] : 1);
  for (int64_t component = 0; component < names.components; ++component) {
    const auto place = static_cast<size_t>(component);
    arguments.integer(names.tables.at(place), is_there ? plane.tables[place] : 0);
  }
}

// [stored, 4]: factors of the components, and the constant.
cuda::DevicePointer ImageIngestOnCuda::mixing_on(CudaCall& call, int64_t stored) const {
  const auto make = [&] {
    const Tensor mixing = mixing_.of(call), offset = offset_.of(call);
    const int64_t components = mixing.shape[1];
    // DC coefficient of a block of equal pixels.
    const int scale = result_ == Result::kPixels ? 1 : block_;
    std::vector<float> values(static_cast<size_t>(stored * kMixed));
    for (int64_t channel = 0; channel < mixing.shape[0]; ++channel) {
      float* row = values.data() + channel * kMixed;
      std::copy_n(mixing.floats() + channel * components, components, row);
      row[kMixed - 1] = offset.floats()[channel] * static_cast<float>(scale);
    }
    return values;
  };
  const bool are_constant = mixing_.is_constant() && offset_.is_constant();
  return are_constant ? mixings_.get(call, stored, make) : call.upload(make());
}

}  // namespace jpegcompile
