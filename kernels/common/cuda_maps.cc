#include "common/cuda_maps.h"

#include <algorithm>
#include <string>

namespace jpegcompile {
namespace {

using cuda::Constants;

// Number of channels of maps that thin kernels read.
constexpr int64_t kThin = 4;

cuda::Wanted planes(const char* kernel, Constants constants) {
  return {kernel, std::move(constants), {{"x", "*fp32"}, {"y", "*fp32"}}};
}

void copy(CudaCall& call, const cuda::Variants& variants, const Map& map, cuda::DevicePointer x,
          cuda::DevicePointer y) {
  const int64_t rows = map.batch * map.plane(), channels = cuda::padded(map.channels);
  if (rows == 0) return;
  cuda::Arguments arguments;
  arguments.pointer("x", x);
  arguments.pointer("y", y);
  arguments.integer("rows", rows);
  arguments.integer("channels", channels);
  arguments.integer("planes", map.channels);
  arguments.integer("plane", map.plane());
  const cuda::Cubin& cubin = variants.fastest(call.runtime(), call.chip(), rows, channels);
  call.launch(cubin, cuda::grid_of(cubin.tiling, rows, channels), arguments);
}

using Other = ElementwiseOnCuda::Other;

cuda::Wanted elementwise(const ElementwiseOnCuda::Operation& operation, bool on_coefficients,
                         const cuda::View& x, const cuda::View& y, const cuda::View& other) {
  const bool has_other = operation.other != Other::kNone;
  const auto is_mixed = [&](const cuda::View& view) {
    return !on_coefficients && !view.is_pixels();
  };
  return {"arithmetic.triton:elementwise",
          {{"PROGRAM", operation.program.steps},
           {"COUNT", operation.program.constants - (operation.has_vector ? 1 : 0)},
           {"X_ROWS", x.is_rows},
           {"X_MIXED", is_mixed(x)},
           {"OTHER", has_other},
           {"OTHER_ROWS", has_other && other.is_rows},
           {"OTHER_MIXED", has_other && is_mixed(other)},
           {"OTHER_CHANNEL", operation.other == Other::kOneChannel},
           {"VECTOR", operation.has_vector},
           {"APPROXIMATE", operation.approximates},
           {"ONES", operation.is_linear},
           {"ON_DC", on_coefficients},
           {"Y_ROWS", y.is_rows},
           {"Y_MIXED", is_mixed(y)}},
          {{"x", "*fp32"}, {"y", "*fp32"}}};
}

}  // namespace

PlanesOnCuda::PlanesOnCuda()
    : from_planes_(planes("layout.triton:from_planes", {{"THIN", 0}})),
      thin_from_planes_(planes("layout.triton:from_planes", {{"THIN", 1}})),
      to_planes_(planes("layout.triton:to_planes", {})) {}

cuda::View PlanesOnCuda::read(CudaCall& call, const Map& map, int block,
                              cuda::DevicePointer data) const {
  if (map.is_grouped) return cuda::view_of(map, block, data);
  const cuda::View made =
      cuda::channels_last(map, block, call.scratch(cuda::channels_last_floats(map)));
  copy(call, from_planes_, map, data, made.data);
  return made;
}

cuda::DevicePointer PlanesOnCuda::read_thin(CudaCall& call, const Map& map,
                                            cuda::DevicePointer data) const {
  const cuda::DevicePointer made = call.scratch(map.batch * map.plane() * kThin);
  copy(call, thin_from_planes_, map, data, made);
  return made;
}

cuda::View PlanesOnCuda::target(CudaCall& call, const Map& map, int block,
                                cuda::DevicePointer data) const {
  if (map.is_grouped) return cuda::view_of(map, block, data);
  return cuda::channels_last(map, block, call.scratch(cuda::channels_last_floats(map)));
}

void PlanesOnCuda::write(CudaCall& call, const Map& map, const cuda::View& made,
                         cuda::DevicePointer data) const {
  if (!map.is_grouped) copy(call, to_planes_, map, made.data, data);
}

ElementwiseOnCuda::ElementwiseOnCuda(const Operation& operation, const cuda::View& x,
                                     const cuda::View& y, const cuda::View& other)
    : approximates_(operation.approximates),
      has_other_(operation.other != Other::kNone),
      on_coefficients_(operation.is_linear && x.has_rows_of(y)),
      variants_(elementwise(operation, on_coefficients_, x, y, other)) {}

void ElementwiseOnCuda::run(CudaCall& call, const Task& task,
                            const DeviceConstants& matrices) const {
  const int64_t rows = task.map.batch * task.map.plane();
  const int64_t channels = cuda::padded(task.map.channels);
  if (rows == 0) return;
  // Pointers that the kernel does not read are set to y.
  const auto given = [&](cuda::DevicePointer data) { return data == 0 ? task.y.data : data; };
  const auto matrix = [&](bool is_needed, const cuda::TileMatrix& asked) {
    return is_needed ? matrix_on(call, asked, matrices) : task.y.data;
  };
  const auto is_mixed = [&](const cuda::View& view) {
    return !on_coefficients_ && !view.is_pixels();
  };
  cuda::Arguments arguments;
  arguments.pointer("x", task.x.data);
  arguments.pointer("y", task.y.data);
  arguments.pointer("other", given(task.other.data));
  arguments.pointer("vector", given(task.vector.data));
  arguments.pointer("constants", given(task.constants));
  arguments.pointer("inverse", matrix(is_mixed(task.x), task.x.inverse(task.read)));
  arguments.pointer("other_inverse",
                    matrix(has_other_ && is_mixed(task.other), task.other.inverse()));
  arguments.pointer("approximated", matrix(approximates_, {cuda::Transform::kProject, task.block,
                                                            task.phi, 0}));
  arguments.pointer("forward", matrix(is_mixed(task.y), task.y.forward(task.made)));
  cuda::put_tiles(arguments, task.map, task.block);
  cuda::put_view(arguments, cuda::kXNames, task.x);
  cuda::put_view(arguments, cuda::kOtherNames, task.other);
  arguments.integer("vector_image", task.vector.image);
  cuda::put_view(arguments, cuda::kYNames, task.y);
  const cuda::Cubin& cubin = variants_.fastest(call.runtime(), call.chip(), rows, channels);
  call.launch(cubin, cuda::grid_of(cubin.tiling, rows, channels), arguments);
}

PixelsOnCuda::PixelsOnCuda(int block, int64_t group, int64_t frequencies)
    // Maps of pixels do not use this kernel, so any block size will do for them.
    : kernel_({}, false, cuda::standing(std::max(block, 2), group == 1 ? 0 : frequencies),
              cuda::View{}) {}

cuda::View PixelsOnCuda::made(CudaCall& call, const Map& map, const cuda::View& from,
                              int frequencies) const {
  const cuda::View pixels =
      cuda::channels_last(map, 1, call.scratch(cuda::channels_last_floats(map)));
  kernel_.run(call, {map, from.block, from, pixels, frequencies, 1}, matrices_);
  return pixels;
}

cuda::DevicePointer matrix_on(CudaCall& call, const cuda::TileMatrix& matrix,
                              const DeviceConstants& matrices) {
  // Each part is below 16.
  const int64_t key = ((int64_t{static_cast<int>(matrix.transform)} * 16 + matrix.block) * 16 +
                       matrix.frequencies) * 16 + matrix.places;
  return matrices.get(call, key, [&] { return matrix.values(); });
}

}  // namespace jpegcompile
